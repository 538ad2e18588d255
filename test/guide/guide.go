// Package guide reads the examples on a page of documentation, so that tests can run them: a page whose examples are not run
// becomes wrong.
package guide

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Block is a block of code on a page.
type Block struct {
	// Line is where it begins, from 1.
	Line int
	// Info is what stands behind its opening fence: the language, and for a test what the block is.
	Info string
	// Text is what it holds.
	Text string
}

// Row is a row of a table whose first cell is an expression of a template.
type Row struct {
	// Line is where it stands, from 1.
	Line int
	// Expression is the first cell, without the braces of an action.
	Expression string
	// Result is what the expression yields, with ↵ for a line break. It is not known when Known is false: the second cell is prose.
	Result string
	Known  bool
}

var (
	fence = regexp.MustCompile("(?ms)^```(.+?)\n(.*?)^```$")
	row   = regexp.MustCompile("(?m)^\\| `((?:[^`|]|\\\\\\|)+)` \\| (?:`` ?(.*?) ?``|`(.*?)`|(.*?)) \\|")
)

// Blocks returns the blocks of a page in their order.
func Blocks(path string) ([]Block, error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a page: %w", err)
	}
	var blocks []Block
	for _, at := range fence.FindAllSubmatchIndex(page, -1) {
		blocks = append(blocks, Block{Line: line(page, at[0]), Info: string(page[at[2]:at[3]]), Text: string(page[at[4]:at[5]])})
	}
	return blocks, nil
}

// Rows returns the rows of a page's tables that begin with an expression, below the given heading and above the next of its level.
func Rows(path, heading string) ([]Row, error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a page: %w", err)
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		return nil, fmt.Errorf("%s has no heading %q", path, heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	section, _, _ = strings.Cut(section, "\n"+level+" ")
	offset := strings.Index(string(page), section)
	var rows []Row
	for _, m := range row.FindAllStringSubmatchIndex(section, -1) {
		r := Row{Line: line(page, offset+m[0]), Expression: strings.ReplaceAll(section[m[2]:m[3]], `\|`, "|")}
		for _, group := range []int{4, 6} {
			if m[group] >= 0 {
				r.Result, r.Known = strings.ReplaceAll(section[m[group]:m[group+1]], `\|`, "|"), true
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func line(page []byte, offset int) int { return strings.Count(string(page[:offset]), "\n") + 1 }
