package metrics

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Write writes the sample in the text format of Prometheus.
func (s *Sample) Write(w io.Writer) error {
	return s.encode(w, expfmt.NewFormat(expfmt.TypeTextPlain))
}

// encode writes the sample in one of the forms that Prometheus reads.
func (s *Sample) encode(w io.Writer, format expfmt.Format) error {
	to := expfmt.NewEncoder(w, format)
	for _, named := range families {
		f := s.families[named.name]
		if len(f.metrics) == 0 {
			continue
		}
		if err := to.Encode(&dto.MetricFamily{Name: &f.name, Help: &f.help, Type: &f.kind, Metric: f.metrics}); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	if end, ok := to.(expfmt.Closer); ok { // OpenMetrics says where it ends
		if err := end.Close(); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}

// WriteFile puts the sample in the place of the file at path, for node_exporter's collector of
// text files: never half of it, and readable for all, for there is nothing secret in it.
func (s *Sample) WriteFile(path string) error {
	var text bytes.Buffer
	if err := s.Write(&text); err != nil {
		return err
	}
	err := renameio.WriteFile(path, text.Bytes(), fileMode,
		renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(fileMode))
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// fileMode lets the user of node_exporter read.
const fileMode = 0o644
