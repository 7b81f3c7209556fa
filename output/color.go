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

// codes are Salt's colours by name; each resets before it sets.
var codes = map[string]string{
	"BLACK": "0;30", "DARK_GRAY": "0;1;30", "RED": "0;31", "LIGHT_RED": "0;1;31", "GREEN": "0;32", "LIGHT_GREEN": "0;1;32",
	"YELLOW": "0;33", "LIGHT_YELLOW": "0;1;33", "BLUE": "0;34", "LIGHT_BLUE": "0;1;34", "MAGENTA": "0;35",
	"LIGHT_MAGENTA": "0;1;35", "CYAN": "0;36", "LIGHT_CYAN": "0;1;36", "LIGHT_GRAY": "0;37", "WHITE": "0;1;37",
	"DEFAULT_COLOR": "0;39", "ENDC": "0;0",
}

// code is what a colour's escape sequence has between its start and the m; a theme
// replaces colours by name, and may add names.
func (o *Options) code(name string) (code string, ok bool) {
	if code, ok = o.ColorTheme[name]; ok {
		return code, true
	}
	if code, ok = oldCodes[name]; ok && o.OldMaster {
		return code, true
	}
	code, ok = codes[name]
	return code, ok
}

// newPalette follows salt.utils.color.get_colors.
func newPalette(o *Options) *palette {
	p := &palette{}
	if !o.Color {
		return p
	}
	one, all := o.code(o.OneColor)
	for name, to := range map[string]*string{
		"DARK_GRAY": &p.darkGray, "RED": &p.red, "LIGHT_RED": &p.lightRed, "GREEN": &p.green, "LIGHT_GREEN": &p.lightGreen,
		"YELLOW": &p.yellow, "LIGHT_YELLOW": &p.lightYellow, "BLUE": &p.blue, "LIGHT_BLUE": &p.lightBlue, "MAGENTA": &p.magenta,
		"LIGHT_MAGENTA": &p.lightMagenta, "CYAN": &p.cyan, "LIGHT_GRAY": &p.lightGray, "WHITE": &p.white, "ENDC": &p.end,
	} {
		code, _ := o.code(name)
		if all && name != "ENDC" {
			code = one
		}
		*to = cmp.Or(o.CSI, "\x1b[") + code + "m"
	}
	return p
}
