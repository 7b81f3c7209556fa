package output

import "cmp"

// A palette holds the escape sequences that an outputter puts before and behind its
// text, all of them empty without colours.
type palette struct {
	darkGray, red, lightRed, green, lightGreen, yellow, lightYellow, lightBlue string
	blue, magenta, lightMagenta, cyan, lightGray, white, end                   string
}

// oldCodes are the colours of nested that were others up to Salt 2015.8, which used
// YELLOW where LIGHT_YELLOW is used since.
var oldCodes = map[string]string{"LIGHT_YELLOW": "1;33", "ENDC": "0"}

// newPalette follows salt.utils.color: each sequence resets before it sets, and a
// theme replaces colours by name.
func newPalette(o *Options) *palette {
	p := &palette{}
	if !o.Color {
		return p
	}
	for _, c := range []struct {
		name, code string
		to         *string
	}{
		{"DARK_GRAY", "0;1;30", &p.darkGray},
		{"RED", "0;31", &p.red},
		{"LIGHT_RED", "0;1;31", &p.lightRed},
		{"GREEN", "0;32", &p.green},
		{"LIGHT_GREEN", "0;1;32", &p.lightGreen},
		{"YELLOW", "0;33", &p.yellow},
		{"LIGHT_YELLOW", "0;1;33", &p.lightYellow},
		{"BLUE", "0;34", &p.blue},
		{"LIGHT_BLUE", "0;1;34", &p.lightBlue},
		{"MAGENTA", "0;35", &p.magenta},
		{"LIGHT_MAGENTA", "0;1;35", &p.lightMagenta},
		{"CYAN", "0;36", &p.cyan},
		{"LIGHT_GRAY", "0;37", &p.lightGray},
		{"WHITE", "0;1;37", &p.white},
		{"ENDC", "0;0", &p.end},
	} {
		if code, ok := oldCodes[c.name]; ok && o.OldMaster {
			c.code = code
		}
		if themed, ok := o.ColorTheme[c.name]; ok {
			c.code = themed
		}
		*c.to = cmp.Or(o.CSI, "\x1b[") + c.code + "m"
	}
	return p
}
