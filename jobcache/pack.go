package jobcache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"gorun/value"
)

// packAbove is the size in bytes from which a blob is compressed.
const packAbove = 64

// maxUnpacked bounds what a blob may unfold to, in bytes.
const maxUnpacked = 1 << 28

// mark is the first byte of what is packed. It begins nothing else that is stored: msgpack
// has no use for it. So each blob says itself what it is.
//
// Behind it come as many numbers (uvarint) as there are texts that its row has in other
// columns: where in the blob the text stands and was cut out, plus one, or 0. The rest is
// compressed by S2 after dictionary.
const mark = 0xc1

var (
	errTooLarge = errors.New("a blob too large to be read")
	errCut      = errors.New("a cut outside of its blob")
)

// worthCutting is the length in bytes from which a text is cut out.
const worthCutting = 4

// maxTexts is how many texts of its row are cut out of a blob, at the most.
const maxTexts = 3

// texts are those that a row has in other columns as well: its jid, its function or its
// minion, its time. Which those are does not change, and neither does their order.
type texts [maxTexts]string

func (p *packer) ofJob(job *Job) texts { return texts{job.JID, job.Fun, p.stampText(job.Stamp)} }

func (p *packer) ofReturn(jid string, r *Return) texts {
	return texts{jid, r.Minion, p.stampText(r.Stamp)}
}

// packer packs and unpacks blobs in memory of its own: a result is valid until the next one.
type packer struct {
	short, out []byte
	day        int64 // the day of stamp, since 1970
	stamp      [len(stampForm)]byte
}

// cut is a text that is left out at a place in a blob.
type cut struct {
	at   int
	text string
}

// cuts are in the order of their places.
type cuts struct {
	all [maxTexts]cut
	n   int
}

// add takes a cut in, unless another one is in its way.
func (c *cuts) add(x cut) bool {
	i := 0
	for i < c.n && c.all[i].at < x.at {
		i++
	}
	if i > 0 && c.all[i-1].at+len(c.all[i-1].text) > x.at || i < c.n && x.at+len(x.text) > c.all[i].at {
		return false
	}
	copy(c.all[i+1:], c.all[i:c.n])
	c.all[i] = x
	c.n++
	return true
}

// pack compresses what gains by it. The result is raw, or valid until p is used again.
func (p *packer) pack(raw value.Raw, known texts) []byte {
	if len(raw) < packAbove || len(raw) > maxUnpacked {
		return raw
	}
	p.out = append(p.out[:0], mark)
	p.short, p.out = shorten(p.short[:0], p.out, raw, known)
	head := len(p.out)
	p.out = slices.Grow(p.out, s2.MaxEncodedLen(len(p.short)))
	p.out = p.out[:head+len(dictionary().Encode(p.out[head:], p.short))]
	if len(p.out) >= len(raw) {
		return raw
	}
	return p.out
}

// shorten appends raw without the known texts to short, and their places to head.
func shorten(short, head []byte, raw value.Raw, known texts) ([]byte, []byte) {
	var c cuts
	for _, text := range known {
		if text == "" {
			continue
		}
		place := 0
		if len(text) >= worthCutting {
			if at := bytes.Index(raw, []byte(text)); at >= 0 && c.add(cut{at, text}) {
				place = at + 1
			}
		}
		head = binary.AppendUvarint(head, uint64(place)) //nolint:gosec // below maxUnpacked
	}
	end := 0
	for _, x := range c.all[:c.n] {
		short = append(short, raw[end:x.at]...)
		end = x.at + len(x.text)
	}
	return append(short, raw[end:]...), head
}

// unpack undoes pack, for the same texts; the result is blob, or valid until p is used again.
func (p *packer) unpack(blob []byte, known texts) (value.Raw, error) {
	if len(blob) == 0 || blob[0] != mark {
		return blob, nil
	}
	raw, err := p.lengthen(blob[1:], known)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return raw, nil
}

func (p *packer) lengthen(blob []byte, known texts) (value.Raw, error) {
	var c cuts
	size := 0
	for _, text := range known {
		if text == "" {
			continue
		}
		place, n := binary.Uvarint(blob)
		if n <= 0 || place > maxUnpacked {
			return nil, errCut
		}
		blob = blob[n:]
		if place > 0 {
			if !c.add(cut{int(place) - 1, text}) {
				return nil, errCut
			}
			size += len(text)
		}
	}
	n, err := s2.DecodedLen(blob)
	if err != nil {
		return nil, err
	}
	if size += n; size > maxUnpacked {
		return nil, errTooLarge
	}
	// Unfolded to the end of the memory, and moved to its beginning around the cuts.
	p.out = slices.Grow(p.out[:0], size)[:size]
	short, err := dictionary().Decode(p.out[size-n:size:size], blob)
	if err != nil {
		return nil, err
	}
	end := 0
	for _, x := range c.all[:c.n] {
		if x.at-end > len(short) {
			return nil, errCut
		}
		copy(p.out[end:], short[:x.at-end])
		short = short[x.at-end:]
		end = x.at + copy(p.out[x.at:], x.text)
	}
	copy(p.out[end:], short)
	return p.out, nil
}

const (
	stampForm   = "2006-01-02T15:04:05.000000"
	dayLength   = 24 * 60 * 60 * 1e6  // microseconds
	endOfStamps = 2932897 * dayLength // the year 10000
)

// stampText is the _stamp of an event of that time (microseconds since 1970) as Salt writes it,
// without its zone; empty where it has no such form. It does what time.Format does, many times
// for each day.
func (p *packer) stampText(us int64) string {
	if us < 0 || us >= endOfStamps {
		return ""
	}
	if day := us / dayLength; day != p.day || p.stamp[0] == 0 {
		p.day = day
		time.UnixMicro(us).UTC().AppendFormat(p.stamp[:0], stampForm)
	}
	us %= dayLength
	for _, part := range [...]struct {
		end, digits int
		size        int64
	}{{26, 6, 1e6}, {19, 2, 60}, {16, 2, 60}, {13, 2, 24}} {
		n := us % part.size
		us /= part.size
		for i := 1; i <= part.digits; i++ {
			p.stamp[part.end-i] = '0' + byte(n%10) //nolint:gosec // a digit
			n /= 10
		}
	}
	return string(p.stamp[:])
}
