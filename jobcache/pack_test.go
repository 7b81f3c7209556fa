package jobcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"gorun/value"
)

// TestDictionary: what was written with a dictionary is read with that very one. Whoever
// wants a better one leaves this, and gives the new one another mark.
func TestDictionary(t *testing.T) {
	const written = "9a9d797201f41e08"
	sum := sha256.Sum256(dictionary().Bytes())
	if got := hex.EncodeToString(sum[:8]); got != written {
		t.Errorf("the dictionary is %s, stores were written with %s", got, written)
	}
}

func TestPack(t *testing.T) {
	var buf, back []byte
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int{0, 1, packAbove - 1, packAbove, 1000, 1 << 16, 3 << 20} {
		noise := make([]byte, size)
		_, _ = random.Read(noise)
		for name, raw := range map[string]value.Raw{"noise": noise, "text": bytes.Repeat([]byte("state "), size)[:size]} {
			if size > 0 {
				raw[0] = 0x80 // as a map begins
			}
			packed := pack(raw, &buf)
			if len(packed) > len(raw) || name == "text" && size >= packAbove && len(packed) > size/2+8 {
				t.Errorf("%d bytes of %s take %d", size, name, len(packed))
			}
			got, err := unpack(packed, &back)
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%d bytes of %s: %d come back, %v", size, name, len(got), err)
			}
		}
	}
}

// FuzzUnpack: a damaged blob is an error or some bytes, never more than maxUnpacked.
func FuzzUnpack(f *testing.F) {
	event, err := value.Encode(returnSample("cmd.run", "some text that is long enough to be compressed at all"))
	if err != nil {
		f.Fatal(err)
	}
	packed := pack(event, new([]byte))
	f.Add([]byte{})
	f.Add([]byte{mark})
	f.Add([]byte{mark, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Add(packed)
	f.Add(packed[:len(packed)/2])
	f.Fuzz(func(t *testing.T, blob []byte) {
		raw, err := unpack(blob, new([]byte))
		if err == nil && len(raw) > maxUnpacked {
			t.Errorf("%d bytes", len(raw))
		}
	})
}

// BenchmarkPack: what is stored of an event, and how fast.
func BenchmarkPack(b *testing.B) {
	for _, sample := range []struct {
		name string
		v    value.Value
	}{
		{"load", loadSample("cmd.run", "glob")},
		{"return", returnSample("network.ip_addrs", value.List{"192.0.2.17", "198.51.100.4"})},
		{"states", returnSample("state.apply", &value.Map{Entries: []value.Entry{
			stateSample("file", "motd", "/etc/motd", "managed", 0, "File /etc/motd updated"),
			stateSample("user", "alice", "alice", "present", 1, "User alice is present and up to date"),
			stateSample("service", "ssh", "sshd", "running", 2, "The service sshd is already running"),
		}})},
	} {
		raw, err := value.Encode(sample.v)
		if err != nil {
			b.Fatal(err)
		}
		var buf, back []byte
		b.Run(sample.name+"/write", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportMetric(float64(len(pack(raw, &buf)))/float64(len(raw)), "ratio")
			for b.Loop() {
				pack(raw, &buf)
			}
		})
		packed := bytes.Clone(pack(raw, &buf))
		b.Run(sample.name+"/read", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := unpack(packed, &back); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
