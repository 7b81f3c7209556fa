package eventtest

import (
	"encoding/binary"
	"fmt"

	"gorun/event"
	"gorun/value"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Frame makes the message of an event as a master of the given form sends it, for a
// Recording of that form. It panics on data that is none of value's types.
func Frame(tag string, data value.Value, form event.Form) []byte {
	return Envelope(Body(tag, data, form), form)
}

// Body makes what Decode takes apart: tag and data.
func Body(tag string, data value.Value, form event.Form) []byte {
	if form == event.FormZMQ && len(tag) <= 20 {
		return appendRaw(fmt.Appendf(nil, "%s%s", tag, "||||||||||||||||||||"[len(tag):]), data)
	}
	body := []byte(tag + "\n\n")
	if form == event.FormZMQ || form == event.FormOld {
		return appendRaw(body, data)
	}
	packed, err := value.Encode(data)
	if err != nil {
		panic(err)
	}
	return append(body, packed...)
}

// Envelope puts a body, of whatever bytes, into the framing of form.
func Envelope(body []byte, form event.Form) []byte {
	switch form {
	case event.FormZMQ:
		return body
	case event.FormOld:
		msg := value.AppendText(value.AppendMap(nil, 2), "body")
		msg = append(appendRawText(msg, body), "\xa4head"...)
		return value.AppendMap(msg, 0)
	}
	msg := value.AppendText(value.AppendMap(nil, 2), "head")
	msg = value.AppendText(value.AppendMap(msg, 0), "body")
	bin, err := value.Encode(value.Bytes(body))
	if err != nil {
		panic(err)
	}
	msg = append(msg, bin...)
	if form == event.FormPrefixed {
		msg = append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...)
	}
	return msg
}

// appendRaw appends v in msgpack's old form, which has one type for text and bytes and
// no length of one byte for it.
func appendRaw(dst []byte, v value.Value) []byte {
	switch v := v.(type) {
	case string:
		return appendRawText(dst, []byte(v))
	case value.Bytes:
		return appendRawText(dst, v)
	case value.List:
		dst = binary.BigEndian.AppendUint16(append(dst, msgpcode.Array16), uint16(len(v)))
		for _, e := range v {
			dst = appendRaw(dst, e)
		}
		return dst
	case *value.Map:
		dst = value.AppendMap(dst, v.Len())
		for _, e := range v.Entries {
			dst = appendRaw(appendRaw(dst, e.Key), e.Val)
		}
		return dst
	}
	packed, err := value.Encode(v)
	if err != nil {
		panic(err)
	}
	return append(dst, packed...)
}

func appendRawText(dst, text []byte) []byte {
	switch n := len(text); {
	case n < 32:
		dst = append(dst, msgpcode.FixedStrLow|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, msgpcode.Str16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, msgpcode.Str32), uint32(n))
	}
	return append(dst, text...)
}
