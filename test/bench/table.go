package main

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// number returns v with about three digits that count; whole numbers are written out.
func number(v float64) string {
	digits := 2
	switch size := math.Abs(v); {
	case v == math.Trunc(v) || size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	case size < 0.1:
		digits = 4
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// table returns rows, the first of which is the heading, as a Markdown table that reads well as plain text too. All rows are as long
// as the heading. Columns of numbers are aligned to the right.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	numeric := make([]bool, len(rows[0]))
	for column := range widths {
		numeric[column] = len(rows) > 1
		for i, row := range rows {
			widths[column] = max(widths[column], utf8.RuneCountInString(row[column]), 3)
			if _, err := strconv.ParseFloat(row[column], 64); i > 0 && err != nil {
				numeric[column] = false
			}
		}
	}
	var text strings.Builder
	for i, row := range rows {
		for column, cell := range row {
			padding := strings.Repeat(" ", widths[column]-utf8.RuneCountInString(cell))
			if numeric[column] {
				cell = padding + cell
			} else {
				cell += padding
			}
			text.WriteString("| " + cell + " ")
		}
		text.WriteString("|\n")
		if i == 0 {
			text.WriteString(rule(widths, numeric))
		}
	}
	return text.String()
}

// rule is the line under the heading.
func rule(widths []int, numeric []bool) string {
	var text strings.Builder
	for column, width := range widths {
		line := strings.Repeat("-", width)
		if numeric[column] {
			line = line[1:] + ":"
		}
		text.WriteString("| " + line + " ")
	}
	return text.String() + "|\n"
}
