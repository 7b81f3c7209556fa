package jobcache

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gorun/value"
)

func TestPack(t *testing.T) {
	var p, back packer
	random := rand.NewChaCha8([32]byte{})
	for _, size := range []int{0, 1, packAbove - 1, packAbove, 1000, 1 << 16, 3 << 20} {
		noise := make([]byte, size)
		_, _ = random.Read(noise)
		for name, raw := range map[string]value.Raw{"noise": noise, "text": bytes.Repeat([]byte("state "), size)[:size]} {
			if size > 0 {
				raw[0] = 0x80 // as a map begins
			}
			packed := p.pack(raw, texts{"state", "no such"})
			if len(packed) > len(raw) || name == "text" && size >= packAbove && len(packed) > size/2+8 {
				t.Errorf("%d bytes of %s take %d", size, name, len(packed))
			}
			got, err := back.unpack(packed, texts{"state", "no such"})
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%d bytes of %s: %d come back, %v", size, name, len(got), err)
			}
		}
	}
}

// TestCuts: the bytes that came are those that come back, wherever they have the texts of
// their row, and whatever else the texts are part of.
func TestCuts(t *testing.T) {
	var p, back packer
	rapid.Check(t, func(t *rapid.T) {
		var known texts
		for i := range known {
			known[i] = rapid.SampledFrom([]string{"", "m", "minion", "minion-1", "on-11", sampleJID, sampleStamp}).Draw(t, "text")
		}
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(known[:]), rapid.StringN(0, 40, 200)), 1, 12).Draw(t, "parts")
		raw := append(value.Raw{0x80}, strings.Join(parts, "")...)
		packed := p.pack(raw, known)
		if len(packed) > len(raw) {
			t.Errorf("%d bytes take %d", len(raw), len(packed))
		}
		got, err := back.unpack(packed, known)
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%q comes back as %q, %v", raw, got, err)
		}
	})
}

// TestDamagedCuts: a cut that lies in another one, or behind the blob, is an error.
func TestDamagedCuts(t *testing.T) {
	var p packer
	known := texts{sampleJID, sampleMinion}
	packed := bytes.Clone(p.pack(encoded(t, returnSample("cmd.run", "", "")), known))
	if _, err := p.unpack(packed, known); err != nil {
		t.Fatal(err)
	}
	for _, places := range [][]byte{{0xff, 1, packed[2]}, {packed[1], packed[1] + 1}, {packed[2], packed[2]}} {
		damaged := append(append([]byte{mark}, places...), packed[3:]...)
		if raw, err := p.unpack(damaged, known); !errors.Is(err, errCut) {
			t.Errorf("cuts at %d: %q, %v", places, raw, err)
		}
	}
}

// TestStampText: a time is written as time.Format writes it, whatever was written before.
func TestStampText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p packer
		for _, us := range rapid.SliceOf(rapid.Int64Range(0, endOfStamps-1)).Draw(t, "stamps") {
			for _, us := range []int64{us, min(us+1e6, endOfStamps-1)} {
				if got, want := p.stampText(us), time.UnixMicro(us).UTC().Format(stampForm); got != want {
					t.Errorf("%d: %s, want %s", us, got, want)
				}
			}
		}
	})
	for _, us := range []int64{-1, endOfStamps, math.MaxInt64} {
		if got := new(packer).stampText(us); got != "" {
			t.Errorf("%d: %s", us, got)
		}
	}
}

func encoded(t testing.TB, v value.Value) value.Raw {
	t.Helper()
	raw, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzUnpack: a damaged blob is an error or some bytes, never more than maxUnpacked.
func FuzzUnpack(f *testing.F) {
	known := texts{sampleJID, sampleMinion, sampleStamp}
	var p packer
	packed := bytes.Clone(p.pack(encoded(f, returnSample("cmd.run", "some text that is long enough", "")), known))
	f.Add([]byte{})
	f.Add([]byte{mark})
	f.Add([]byte{mark, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0})
	f.Add([]byte{mark, 0xff, 0xff, 0xff, 0x7f, 0, 0, 1, 0})
	f.Add(packed)
	f.Add(packed[:len(packed)/2])
	f.Fuzz(func(t *testing.T, blob []byte) {
		raw, err := p.unpack(blob, known)
		if err == nil && len(raw) > maxUnpacked {
			t.Errorf("%d bytes", len(raw))
		}
	})
}

// BenchmarkPack: what is stored of an event, and how fast.
func BenchmarkPack(b *testing.B) {
	known := texts{sampleJID, sampleMinion, sampleStamp}
	for _, sample := range []struct {
		name string
		v    value.Value
	}{
		{"load", value.NewMap("jid", sampleJID, "tgt_type", "glob", "tgt", "web*", "user", "sudo_alice", "fun", "cmd.run",
			"arg", value.List{"uptime"}, "missing", value.List{}, "_stamp", sampleStamp+"+00:00")},
		{"return", returnSample("network.ip_addrs", value.List{"192.0.2.17", "198.51.100.4"}, "+00:00")},
		{"states", returnSample("state.apply", &value.Map{Entries: []value.Entry{
			stateSample("file", "motd", "/etc/motd", "managed", 0, "File /etc/motd updated"),
			stateSample("user", "alice", "alice", "present", 1, "User alice is present and up to date"),
			stateSample("service", "ssh", "sshd", "running", 2, "The service sshd is already running"),
		}}, "+00:00")},
	} {
		raw := encoded(b, sample.v)
		var p, back packer
		b.Run(sample.name+"/write", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportMetric(float64(len(p.pack(raw, known)))/float64(len(raw)), "ratio")
			for b.Loop() {
				p.pack(raw, known)
			}
		})
		packed := bytes.Clone(p.pack(raw, known))
		b.Run(sample.name+"/read", func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := back.unpack(packed, known); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
