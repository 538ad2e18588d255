package workloadcredentials

import (
	"slices"
	"strings"
)

// Path names a secret in a folder. The folder is empty for the root of the site.
type Path struct{ Folder, Name string }

// ParsePath splits a path at its last slash. Slashes at the beginning do not matter.
func ParsePath(text string) Path {
	text = strings.TrimLeft(text, "/")
	i := strings.LastIndexByte(text, '/')
	return Path{Folder: text[:max(i, 0)], Name: text[i+1:]}
}

// String returns the path with slashes.
func (p Path) String() string {
	if p.Folder == "" {
		return p.Name
	}
	return p.Folder + "/" + p.Name
}

// Valid says that every part of the path is a name. What a browser would make another path of is none.
func (p Path) Valid() bool {
	return !slices.ContainsFunc(strings.Split(p.String(), "/"), func(part string) bool { return part == "" || part == "." || part == ".." })
}
