// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package console

// A Chart is bars over time, with the same numbers as a table beneath.
type Chart struct {
	ID     string // of its elements: a word
	Title  string
	Unit   string // of the numbers: "calls"
	Series []Series
	Labels []string // of the columns of bars
	Format func(int64) string
}

// A Series is one number per column.
type Series struct {
	Name   string
	Tone   string // how it is drawn
	Values []int64
}

// The size of a chart's drawing, in its own units. It grows with the page.
const (
	chartWidth  = 360
	chartHeight = 140
	chartLeft   = 40 // for the numbers of the axis
	chartBottom = 18 // for labels
)

// A Bar is a rectangle.
type Bar struct {
	X, Y, W, H int
	Tone       string
	Says       string // what it stands for
}

// A Label is a word at a place.
type Label struct {
	X, Y int
	Text string
}

// Bars stacks the series in each column.
func (c *Chart) Bars() []Bar {
	top := c.top()
	if top == 0 || len(c.Labels) == 0 {
		return nil
	}
	var out []Bar
	width, height := c.column(), int64(chartHeight-chartBottom-8)
	for i, label := range c.Labels {
		y := chartHeight - chartBottom
		for _, s := range c.Series {
			if s.Values[i] <= 0 {
				continue
			}
			h := max(1, int(float64(s.Values[i])/float64(top)*float64(height)))
			y -= h
			out = append(out, Bar{chartLeft + i*width + 1, y, max(1, width-2), h, s.Tone, label + ": " + c.Format(s.Values[i]) + " " + s.Name})
		}
	}
	return out
}

func (c *Chart) column() int { return max(2, (chartWidth-chartLeft)/max(1, len(c.Labels))) }

// top is the highest column's sum.
func (c *Chart) top() int64 {
	var top int64
	for i := range c.Labels {
		var sum int64
		for _, s := range c.Series {
			sum += max(0, s.Values[i])
		}
		top = max(top, sum)
	}
	return top
}

// Ticks are the numbers at the axis: none and the most.
func (c *Chart) Ticks() []Label {
	return []Label{{chartLeft - 6, 12, c.Format(c.top())}, {chartLeft - 6, chartHeight - chartBottom, c.Format(0)}}
}

// Words are the labels below, as many as there is room for: six.
func (c *Chart) Words() []Label {
	var out []Label
	every := max(1, (len(c.Labels)+5)/6)
	for i := 0; i < len(c.Labels); i += every {
		out = append(out, Label{chartLeft + i*c.column(), chartHeight - 5, c.Labels[i]})
	}
	return out
}

// Total is the sum of one series.
func (c *Chart) Total(s Series) string {
	var sum int64
	for _, v := range s.Values {
		sum += v
	}
	return c.Format(sum)
}

// Empty reports whether there is nothing to draw.
func (c *Chart) Empty() bool { return c.top() == 0 }

// Rows are the numbers, by column.
func (c *Chart) Rows() [][]string {
	var out [][]string
	for i, label := range c.Labels {
		row := []string{label}
		for _, s := range c.Series {
			row = append(row, c.Format(s.Values[i]))
		}
		out = append(out, row)
	}
	return out
}
