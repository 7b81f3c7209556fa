package metrics

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/prometheus/common/expfmt"
)

// Write writes the sample in the text format of Prometheus.
func (s *Sample) Write(w io.Writer) error {
	from, err := s.gatherer()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	all, err := from.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	for _, f := range all {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
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
