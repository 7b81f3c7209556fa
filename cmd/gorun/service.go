package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// serviceManager tells systemd, or whoever has set NOTIFY_SOCKET, how the subscriber is
// (sd_notify). Without one it tells nobody.
type serviceManager struct {
	log *slog.Logger
}

func (m serviceManager) send(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn("the service manager cannot be told", "error", err)
	}
}

// ready is said when the store is open. A master that is not there yet is waited for.
func (m serviceManager) ready() { m.send(daemon.SdNotifyReady) }

func (m serviceManager) reloading() {
	m.send(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

func (m serviceManager) stopping() { m.send(daemon.SdNotifyStopping) }

// pulse keeps the watchdog quiet: it is called behind each heartbeat that was stored.
func (m serviceManager) pulse(connected bool) {
	status := "STATUS=waiting for the master's event bus"
	if connected {
		status = "STATUS=following the master's event bus"
	}
	m.send(daemon.SdNotifyWatchdog + "\n" + status)
}
