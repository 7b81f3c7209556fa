package metrics

import (
	"time"

	dto "github.com/prometheus/client_model/go"

	"gorun/jobcache"
)

// family is a metric with all of its labels' values.
type family struct {
	name, help string
	kind       dto.MetricType
	labels     []string
}

const (
	gauge     = dto.MetricType_GAUGE
	counter   = dto.MetricType_COUNTER
	histogram = dto.MetricType_HISTOGRAM
)

// families are all that there are, in the order of docs/metrics.md.
var families = []family{
	{"gorun_build_info", "A constant 1, labelled by what this gorun is made of.", gauge, []string{"commit", "goversion", "version"}},
	{"gorun_collected", "Whether a part could be read; what is missing is 0, and its metrics are left out.", gauge, []string{"part"}},

	{"gorun_subscriber_up", "Whether a subscriber runs and is connected to the master's event bus.", gauge, nil},
	{"gorun_subscriber_heartbeat_timestamp_seconds", "When a subscriber last said that it was connected.", gauge, nil},
	{"gorun_reconnects_total", "Connections to the bus that were taken up again.", counter, nil},

	{"gorun_events_total", "Messages of the bus that went into the job cache, whatever was in them.", counter, nil},
	{"gorun_last_event_timestamp_seconds", "When the event was sent that was stored last.", gauge, nil},
	{"gorun_event_lag_seconds", "Time from an event's stamp to the end of the transaction that stored it.", histogram, nil},
	{"gorun_decode_errors_total", "Messages of the bus that were passed over, by what is wrong with them.", counter, []string{"reason"}},
	{"gorun_overrun_events_total", "Messages of the bus that were lost because the disk did not keep up.", counter, nil},
	{"gorun_bounded_total", "Events of which a part was not stored, by the setting that bounds it.", counter, []string{"setting"}},
	{"gorun_queue_bytes", "What waits in memory for the disk; of a running subscriber alone.", gauge, nil},
	{"gorun_queue_max_bytes", "What may wait there: queue_size.", gauge, nil},
	{"gorun_waiting_messages", "Messages that an ended subscriber has kept for the next one.", gauge, nil},

	{"gorun_jobs_total", "Jobs that became known, by function.", counter, []string{"function"}},
	{"gorun_returns_total", "Returns that became known, by their jobs' function and by result.", counter, []string{"function", "result"}},
	{"gorun_return_duration_seconds", "Time from a job's announcement to a return that the bus told of.", histogram, []string{"function"}},

	{"gorun_minions", "Accepted minions by what the newest evidence says of them.", gauge, []string{"state"}},
	{"gorun_minion_up", "Whether a minion is up, where that is known (metrics_minions).", gauge, []string{"minion"}},
	{"gorun_minion_last_seen_timestamp_seconds", "A minion's newest sign of life (metrics_minions).", gauge, []string{"minion"}},
	{"gorun_keys", "Minions' keys by state.", gauge, []string{"state"}},

	{"gorun_holes_open", "Times of which events are missing, by reason, that Salt's own cache has not filled.", gauge, []string{"reason"}},
	{"gorun_repaired_jobs_total", "Jobs of which Salt's own cache had something that was missing: the load, minions, returns.", counter, nil},
	{"gorun_salt_files_skipped_total", "Files of Salt's own cache that were passed over: cut, foreign, too large.", counter, nil},

	{"gorun_store_bytes", "Bytes of the job cache on disk, by file.", gauge, []string{"file"}},
	{"gorun_store_used_bytes", "Bytes of the job cache without its free pages, which is what max_size bounds.", gauge, nil},
	{"gorun_store_max_bytes", "What the job cache may take: max_size. Left out where it has no bound.", gauge, nil},
}

// Names lists the metrics that there are.
func Names() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// filled is a family with its metrics.
type filled struct {
	family
	metrics []*dto.Metric
}

// unfilled are the families without metrics, by name.
func unfilled() map[string]*filled {
	all := make(map[string]*filled, len(families))
	for _, f := range families {
		all[f.name] = &filled{family: f}
	}
	return all
}

// metric adds a metric with these values of the family's labels.
func (f *filled) metric(values []string) *dto.Metric {
	m := new(dto.Metric)
	for i := range f.labels {
		m.Label = append(m.Label, &dto.LabelPair{Name: &f.labels[i], Value: &values[i]})
	}
	f.metrics = append(f.metrics, m)
	return m
}

// add adds a number to the sample.
func (s *Sample) add(name string, n float64, labels ...string) {
	f := s.families[name]
	m := f.metric(labels)
	if f.kind == counter {
		m.Counter = &dto.Counter{Value: &n}
	} else {
		m.Gauge = &dto.Gauge{Value: &n}
	}
}

// histogram adds durations to the sample, in seconds.
func (s *Sample) histogram(name string, h jobcache.Histogram, bounds []time.Duration, labels ...string) {
	count, sum := uint64(max(h.Count(), 0)), h.Sum.Seconds() //nolint:gosec // a count
	told := &dto.Histogram{SampleCount: &count, SampleSum: &sum}
	for _, bound := range bounds {
		end, within := bound.Seconds(), uint64(max(h.Within(bound), 0)) //nolint:gosec // a count
		told.Bucket = append(told.Bucket, &dto.Bucket{UpperBound: &end, CumulativeCount: &within})
	}
	s.families[name].metric(labels).Histogram = told
}
