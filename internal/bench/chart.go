package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// line is one line of a chart; a point has milliseconds over a size.
type line struct {
	name   string
	points []point
}

type point struct{ size, ms float64 }

// The chart's measures in pixels.
const (
	chartWidth, chartHeight   = 760, 420
	chartLeft, chartTop       = 70, 30
	chartRight, chartBottom   = 500, 360
	chartLegend, legendHeight = 520, 22
)

var lineColors = []string{"#c0392b", "#2471a3", "#1e8449", "#7d3c98", "#b9770e", "#515a5a"}

// axis maps the logarithm of values to pixels.
type axis struct{ low, high, from, to float64 }

// newAxis goes from a power of ten to another, around all values.
func newAxis(values []float64, from, to float64) axis {
	low, high := math.Floor(math.Log10(slices.Min(values))), math.Ceil(math.Log10(slices.Max(values)))
	return axis{low, max(high, low+1), from, to}
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// decades are the powers of ten on the axis.
func (a axis) decades() []float64 {
	var all []float64
	for e := a.low; e <= a.high; e++ {
		all = append(all, math.Pow(10, e))
	}
	return all
}

// chart draws lines, both axes logarithmic, as SVG.
func chart(title, unit string, lines []line) string {
	var sizes, times []float64
	for _, l := range lines {
		for _, p := range l.points {
			sizes, times = append(sizes, p.size), append(times, p.ms)
		}
	}
	x, y := newAxis(sizes, chartLeft, chartRight), newAxis(times, chartBottom, chartTop)
	var b strings.Builder
	text := func(x, y float64, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", chartWidth, chartHeight)
	text(chartLeft, chartTop-12, "start", title)
	for _, v := range x.decades() {
		fmt.Fprintf(&b, `<path d="M%.1f %d V%d" stroke="#ddd"/>`+"\n", x.at(v), chartTop, chartBottom)
		text(x.at(v), chartBottom+18, "middle", grouped(fmt.Sprintf("%.0f", v)))
	}
	for _, v := range y.decades() {
		fmt.Fprintf(&b, `<path d="M%d %.1f H%d" stroke="#ddd"/>`+"\n", chartLeft, y.at(v), chartRight)
		text(chartLeft-8, y.at(v)+4, "end", grouped(fmt.Sprintf("%g", v))+" ms")
	}
	text((chartLeft+chartRight)/2, chartBottom+40, "middle", unit)
	for i, l := range lines {
		color := lineColors[i%len(lineColors)]
		var path strings.Builder
		for j, p := range l.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], x.at(p.size), y.at(p.ms))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(p.size), y.at(p.ms), color)
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", path.String(), color)
		at := float64(chartTop + legendHeight*i)
		fmt.Fprintf(&b, `<rect x="%d" y="%.0f" width="12" height="12" fill="%s"/>`+"\n", chartLegend, at, color)
		text(chartLegend+18, at+11, "start", l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
