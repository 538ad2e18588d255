{{- /* section tells one type: its meaning, its fields or values, and where it is used. */ -}}
{{- define "section" -}}
{{- $pages := .pages }}{{ $group := .group -}}
{{- with .type }}

## {{ .Name }}

{{ template "prose" .Doc }}{{ template "rules" . }}
{{- if .ValueType }}

It is a map of {{ template "reference" (dict "type" .ValueType "pages" $pages "group" $group) }}.
{{- else if .EnumValues }}

| Value | Meaning |
|---|---|
{{- range .EnumValues }}
| `{{ .Name }}` | {{ template "prose" (regexReplaceAll "^[A-Z]\\w* " .Doc "") }} |
{{- end }}
{{- else if .Fields }}

| Field | Type | Meaning |
|---|---|---|
{{- $gvk := .GVK }}
{{- range .Fields }}
{{- if not $gvk }}
| `{{ .Name }}`{{ if not (has "Optional: {}" .Validation) }}<br>required{{ end }} | {{ template "reference" (dict "type" .Type "pages" $pages "group" $group) }} | {{ template "cell" . }} |
{{- else if has .Name (list "spec" "status") }}
| `{{ .Name }}` | {{ template "reference" (dict "type" .Type "pages" $pages "group" $group) }} | {{ template "prose" .Type.Doc }} |
{{- end }}
{{- end }}
{{- end }}
{{- with .SortedReferences }}

Used in {{ range $i, $user := . }}{{ if $i }}, {{ end }}{{ template "reference" (dict "type" $user "pages" $pages "group" $group) }}{{ end }}.
{{- end }}
{{- end }}
{{- end -}}

{{- /* cell tells one field: its meaning, and what its value must be like. */ -}}
{{- define "cell" -}}
{{- template "prose" .Doc }}{{ template "rules" . }}
{{- $limits := list }}
{{- range .Validation }}
{{- if not (regexMatch "^(Enum|Optional|Required|Type|XIntOrString|MinProperties|MaxProperties):" .) }}{{ $limits = append $limits (replace "|" "\\|" .) }}{{ end }}
{{- end }}
{{- with index .Markers "kubebuilder:validation:Enum" | last }}<br>One of {{ range $i, $value := . }}{{ if $i }}, {{ end }}`{{ $value }}`{{ end }}{{ end }}
{{- with $limits }}<br>{{ join ", " . }}{{ end }}
{{- end -}}

{{- /* rules are what the API server refuses, in the words of the rule. */ -}}
{{- define "rules" -}}
{{- range index .Markers "kubebuilder:validation:XValidation" }} Checked: {{ template "prose" .Message }}.{{ end }}
{{- end -}}

{{- define "prose" }}{{ regexReplaceAll "([`\\\\_*<|])" (. | trim | replace "\n" " ") "\\${1}" }}{{ end -}}
