package value_test

import (
	"fmt"
	"testing"

	"gorun/value"
)

// BenchmarkDecode reads the return of six states, about 2 KB.
func BenchmarkDecode(b *testing.B) {
	states := value.NewMap()
	for i := range 6 {
		states.Set(fmt.Sprintf("file_|-web-%d_|-/etc/web/%d_|-managed", i, i), value.NewMap(
			"__id__", fmt.Sprintf("web-%d", i), "__run_num__", int64(i), "__sls__", "web", "changes", value.NewMap(),
			"comment", fmt.Sprintf("File /etc/web/%d is in the correct state", i), "duration", 12.345,
			"name", fmt.Sprintf("/etc/web/%d", i), "result", true, "start_time", "12:00:00.123456"))
	}
	data, err := value.Encode(states)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := value.Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
