package arch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-operator/sluice/test/guide"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code    = regexp.MustCompile("`([^`\n]+)`")
	fence   = regexp.MustCompile("(?s)```.*?```")
	pathish = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)*/?$`)
	// invented are the examples in the guides.
	invented = regexp.MustCompile(`(^|[/_])(pantry|pin)([/_.]|$)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// pages are the files of documentation, from the root.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"docs", "config", "examples"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if filepath.Ext(path) == ".md" {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// prose is the text of a page without its blocks of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return fence.ReplaceAllString(string(text), "")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestLinksLeadSomewhere(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(prose(t, page), ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			found++
			target, anchor, _ := strings.Cut(match[1], "#")
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if !exists(file) || (anchor != "" && !slices.Contains(anchors(t, file), anchor)) {
				t.Errorf("%s: there is no %s", page, match[1])
			}
		}
	}
	if found == 0 {
		t.Error("no page has a link: this test does not see them")
	}
}

// TestReadmeShowsTheWalkthrough compares the manifests in the README with the files that they are taken from.
func TestReadmeShowsTheWalkthrough(t *testing.T) {
	var files strings.Builder
	for _, name := range entries(t, "config/demo", func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) == ".yaml" }) {
		text, err := os.ReadFile(filepath.Join(root, "config/demo", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		files.Write(text)
	}
	blocks, err := guide.Blocks(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, block := range blocks {
		if block.Info != "yaml" {
			continue
		}
		shown++
		if !strings.Contains(files.String(), block.Text) {
			t.Errorf("README.md, line %d: no file in config/demo has this manifest", block.Line)
		}
	}
	if shown == 0 {
		t.Error("README.md shows no manifest: this test does not see them")
	}
}

// anchors are the names of the headings of a page, as links name them.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, match := range heading.FindAllStringSubmatch(prose(t, page), -1) {
		name := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestNamedPathsExist takes for a path what begins with the name of a folder at the root, other than that of what is built.
func TestNamedPathsExist(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, match := range code.FindAllStringSubmatch(prose(t, page), -1) {
			first, _, deep := strings.Cut(match[1], "/")
			if !deep || first == "bin" || !pathish.MatchString(match[1]) || invented.MatchString(match[1]) || !exists(filepath.Join(root, first)) {
				continue
			}
			found++
			if !exists(filepath.Join(root, match[1])) {
				t.Errorf("%s: there is no %s", page, match[1])
			}
		}
	}
	if found == 0 {
		t.Error("no page names a path: this test does not see them")
	}
}

// TestTreeIsDrawn compares the table of folders with the folders.
func TestTreeIsDrawn(t *testing.T) {
	_, tree, _ := strings.Cut(prose(t, filepath.Join(root, "docs/architecture.md")), "## The tree")
	tree, _, _ = strings.Cut(tree, "## ")
	var drawn []string
	for line := range strings.Lines(tree) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, match := range code.FindAllStringSubmatch(cells[1], -1) {
			drawn = append(drawn, match[1])
			if !exists(filepath.Join(root, match[1])) {
				t.Errorf("docs/architecture.md draws %s, which is not there", match[1])
			}
		}
	}
	for _, p := range packages(t) {
		if !slices.ContainsFunc(drawn, func(folder string) bool { return matches([]string{folder + "/..."}, p.path()) }) {
			t.Errorf("docs/architecture.md does not say what %s is for", p.path())
		}
	}
}
