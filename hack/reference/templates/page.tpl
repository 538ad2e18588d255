{{- /*
A page tells one API group. The tool knows a page for all groups, or one for each version, of which the last wins:
the template value group picks the group.

gvList is the name that the tool calls. The templates below take a dict of a type, the group of this page, and pages: the group of
each package, by which links find other pages.
*/ -}}
{{- define "gvList" -}}
{{- $group := markdownTemplateValue "group" -}}
{{- $pages := dict }}{{ $kinds := list }}{{ $parts := list -}}
{{- range $gv := . -}}
  {{- range .SortedTypes -}}
    {{- $_ := set $pages .Package $gv.Group -}}
    {{- if ne $gv.Group $group }}{{ continue }}{{ end -}}
    {{- if .GVK }}{{ $kinds = append $kinds . }}{{ else if .References }}{{ $parts = append $parts . }}{{ end -}}
  {{- end -}}
{{- end -}}
<!-- Written by make generate from the comments in apis/. -->

# {{ $group }}
{{- with $kinds }}

| Kind | apiVersion | Scope | Short name |
|---|---|---|---|
{{- range . }}
{{- $resource := index .Markers "kubebuilder:resource" | first }}
| [{{ .Name }}](#{{ lower .Name }}) | `{{ .GVK.GroupVersion }}` | {{ $resource.Scope }} | {{ with $resource.ShortName }}`{{ first . }}`{{ end }} |
{{- end }}
{{- range . }}{{ template "section" (dict "type" . "pages" $pages "group" $group) }}{{ end }}
{{- end }}

# Parts of {{ $group }}
{{- range $parts }}{{ template "section" (dict "type" . "pages" $pages "group" $group) }}{{ end }}
{{ end -}}
