package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"golang.org/x/net/netutil"
)

// Bounds on what scrapers may take of the subscriber. They have no say in how long it runs.
const (
	maxScrapes    = 2  // at once; others are told to come again
	maxConns      = 16 // others wait: the bus and the store need files as well
	scrapeTimeout = 10 * time.Second
	readTimeout   = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// shutdownTimeout is how long a scrape may go on when the end has come: the subscriber has 2 s.
	shutdownTimeout = 500 * time.Millisecond
)

// Server answers scrapes of /metrics. Its methods are not for concurrent use.
type Server struct {
	log     *slog.Logger
	scrapes chan struct{} // holds a token for each that is going on
	address string        // where it listens, as it was asked to
	stop    func()        // nil while it does not

	mu   sync.Mutex
	cfg  Config
	told map[string]bool // what is missing, and was said
}

// NewServer returns a server that does not listen yet.
func NewServer(log *slog.Logger) *Server {
	return &Server{log: log, scrapes: make(chan struct{}, maxScrapes), told: make(map[string]bool)}
}

// Use answers by cfg from now on, at address; nowhere if that is empty. An address that
// cannot be had is an error in the log, which names the setting: what is served is less
// than what is stored.
func (s *Server) Use(address, setting string, cfg Config) {
	s.mu.Lock()
	s.cfg = cfg
	s.mu.Unlock()
	if address == s.address && (s.stop != nil || address == "") {
		return
	}
	s.Close() // first: the new address may be another one of the same port
	s.address = address
	if address == "" {
		return
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		s.log.Error("metrics are not served; all else goes on", "setting", setting, "address", address, "error", err)
		return
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		s.log.Warn("metrics are served to other machines, to whoever asks", "setting", setting, "address", listener.Addr())
	} else {
		s.log.Info("metrics are served", "address", listener.Addr())
	}
	s.serve(listener)
}

// Close stops answering, within shutdownTimeout.
func (s *Server) Close() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *Server) serve(listener net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", s.scrape)
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadTimeout: readTimeout, WriteTimeout: scrapeTimeout + readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(netutil.LimitListener(listener, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("metrics are not served any more", "error", err)
		}
	}()
	s.stop = func() {
		defer cancel()
		wait, done := context.WithTimeout(ctx, shutdownTimeout)
		defer done()
		if server.Shutdown(wait) != nil {
			cancel()           // what a scrape reads of the store
			_ = server.Close() // what is left has had its time
		}
		<-ended
	}
}

// scrape answers with a new sample.
func (s *Server) scrape(w http.ResponseWriter, r *http.Request) {
	select {
	case s.scrapes <- struct{}{}:
		defer func() { <-s.scrapes }()
	default:
		http.Error(w, "too many scrapes at once", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout)
	defer cancel()
	s.mu.Lock()
	cfg := s.cfg
	s.mu.Unlock()
	sample := Read(ctx, cfg, time.Now())
	s.tell(sample.Missing)
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...)
	w.Header().Set("Content-Type", string(format))
	if err := sample.encode(w, format); err != nil { // whoever asked is gone
		s.log.Debug("a scrape was not answered to its end", "error", err)
	}
}

// tell logs what is missing when it begins to be.
func (s *Server) tell(missing []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := make(map[string]bool, len(missing))
	for _, err := range missing {
		text := err.Error()
		if now[text] = true; !s.told[text] && !errors.Is(err, context.Canceled) {
			s.log.Warn(text)
		}
	}
	s.told = now
}
