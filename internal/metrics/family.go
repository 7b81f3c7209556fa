package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// family is a metric with all of its labels' values.
type family struct {
	name, help string
	kind       prometheus.ValueType // 0 for a histogram
	labels     []string
}

const histogram = prometheus.ValueType(0)

// families are all that there are, in the order of docs/metrics.md.
var families = []family{
	{"gorun_build_info", "A constant 1, labelled by what this gorun is made of.", prometheus.GaugeValue, []string{"version", "commit", "goversion"}},
	{"gorun_collected", "Whether a part could be read; what is missing is 0, and its metrics are left out.", prometheus.GaugeValue, []string{"part"}},

	{"gorun_subscriber_up", "Whether a subscriber runs and is connected to the master's event bus.", prometheus.GaugeValue, nil},
	{"gorun_subscriber_heartbeat_timestamp_seconds", "When a subscriber last said that it was connected.", prometheus.GaugeValue, nil},
	{"gorun_reconnects_total", "Connections to the bus that were taken up again.", prometheus.CounterValue, nil},

	{"gorun_events_total", "Messages of the bus that went into the job cache, whatever was in them.", prometheus.CounterValue, nil},
	{"gorun_last_event_timestamp_seconds", "When the event was sent that was stored last.", prometheus.GaugeValue, nil},
	{"gorun_event_lag_seconds", "Time from an event's stamp to the end of the transaction that stored it.", histogram, nil},
	{"gorun_decode_errors_total", "Messages of the bus that were passed over, by what is wrong with them.", prometheus.CounterValue, []string{"reason"}},
	{"gorun_overrun_events_total", "Messages of the bus that were lost because the disk did not keep up.", prometheus.CounterValue, nil},
	{"gorun_bounded_total", "Events of which a part was not stored, by the setting that bounds it.", prometheus.CounterValue, []string{"setting"}},
	{"gorun_queue_bytes", "What waits in memory for the disk; of a running subscriber alone.", prometheus.GaugeValue, nil},
	{"gorun_queue_max_bytes", "What may wait there: queue_size.", prometheus.GaugeValue, nil},
	{"gorun_waiting_messages", "Messages that an ended subscriber has kept for the next one.", prometheus.GaugeValue, nil},

	{"gorun_jobs_total", "Jobs that became known, by function.", prometheus.CounterValue, []string{"function"}},
	{"gorun_returns_total", "Returns that became known, by their jobs' function and by result.", prometheus.CounterValue, []string{"function", "result"}},
	{"gorun_return_duration_seconds", "Time from a job's announcement to a return that the bus told of.", histogram, []string{"function"}},

	{"gorun_minions", "Accepted minions by what the newest evidence says of them.", prometheus.GaugeValue, []string{"state"}},
	{"gorun_minion_up", "Whether a minion is up, where that is known (metrics_minions).", prometheus.GaugeValue, []string{"minion"}},
	{"gorun_minion_last_seen_timestamp_seconds", "A minion's newest sign of life (metrics_minions).", prometheus.GaugeValue, []string{"minion"}},
	{"gorun_keys", "Minions' keys by state.", prometheus.GaugeValue, []string{"state"}},

	{"gorun_holes_open", "Times of which events are missing, by reason, that Salt's own cache has not filled.", prometheus.GaugeValue, []string{"reason"}},
	{"gorun_repaired_jobs_total", "Jobs that were read in Salt's own cache to fill holes, at each look, whether they were known or not.", prometheus.CounterValue, nil},
	{"gorun_salt_files_skipped_total", "Files of Salt's own cache that were passed over: cut, foreign, too large.", prometheus.CounterValue, nil},

	{"gorun_store_bytes", "Bytes of the job cache on disk, by file.", prometheus.GaugeValue, []string{"file"}},
	{"gorun_store_used_bytes", "Bytes of the job cache without its free pages, which is what max_size bounds.", prometheus.GaugeValue, nil},
	{"gorun_store_max_bytes", "What the job cache may take: max_size. Left out where it has no bound.", prometheus.GaugeValue, nil},
}

// Names lists the metrics that there are.
func Names() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// descriptions are the families' by name. They are made for each sample: at every start of
// gorun they would cost those who ask for no metrics.
func descriptions() map[string]described {
	all := make(map[string]described, len(families))
	for _, f := range families {
		all[f.name] = described{f.kind, prometheus.NewDesc(f.name, f.help, f.labels, nil)}
	}
	return all
}

type described struct {
	kind prometheus.ValueType
	desc *prometheus.Desc
}

// add adds a number to the sample.
func (s *Sample) add(name string, n float64, labels ...string) {
	s.metrics = append(s.metrics, prometheus.MustNewConstMetric(s.of(name).desc, s.of(name).kind, n, labels...))
}

// of is the family of a name, which is one of this package's own.
func (s *Sample) of(name string) described {
	d, ok := s.families[name]
	if !ok {
		panic(fmt.Sprintf("metric %s is not among families", name))
	}
	return d
}
