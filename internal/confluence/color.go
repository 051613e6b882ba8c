// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0

package confluence

import (
	"math"
	"strconv"
	"strings"
)

// isDark reports whether text of a colour can be read on a light ground, and
// isLight whether dark text can be read on it. Between them the contrast is at
// least 1.9 (WCAG 2, relative luminance). A colour that cannot be read is neither.
func isDark(color string) bool {
	l, ok := luminance(color)
	return ok && l <= 0.4
}

func isLight(color string) bool {
	l, ok := luminance(color)
	return ok && l >= 0.8
}

// colourNames are the names of colours that are read; others are written in numbers.
var colourNames = map[string]string{
	"black": "#000000", "gray": "#808080", "grey": "#808080", "silver": "#c0c0c0", "white": "#ffffff", "red": "#ff0000", "maroon": "#800000",
	"yellow": "#ffff00", "olive": "#808000", "lime": "#00ff00", "green": "#008000", "aqua": "#00ffff", "teal": "#008080", "blue": "#0000ff",
	"navy": "#000080", "fuchsia": "#ff00ff", "purple": "#800080", "orange": "#ffa500",
}

// luminance is how light a colour is, from 0 to 1.
func luminance(color string) (float64, bool) {
	color = strings.ToLower(color)
	if hex, ok := colourNames[color]; ok {
		color = hex
	}
	var parts []string
	base := 10
	if hex, ok := strings.CutPrefix(color, "#"); ok {
		base = 16
		switch len(hex) {
		case 3:
			parts = []string{hex[:1] + hex[:1], hex[1:2] + hex[1:2], hex[2:] + hex[2:]}
		case 6:
			parts = []string{hex[:2], hex[2:4], hex[4:]}
		}
	} else if inner, ok := strings.CutPrefix(color, "rgb("); ok && strings.HasSuffix(inner, ")") {
		parts = strings.Split(strings.TrimSuffix(inner, ")"), ",")
	}
	if len(parts) != 3 {
		return 0, false
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(strings.TrimSpace(parts[i]), base, 8)
		if err != nil {
			return 0, false
		}
		sum += weight * linear(float64(n)/255)
	}
	return sum, true
}

// linear undoes the gamma of sRGB.
func linear(c float64) float64 {
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}
