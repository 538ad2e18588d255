{{- /* reference names a type as somebody who writes YAML calls it, with a link to what is told of it. */ -}}
{{- define "reference" -}}
{{- $type := .type -}}
{{- $kind := toJson $type.Kind | trimAll "\"" -}}
{{- $words := dict
  "bool" "boolean" "int" "integer" "int32" "integer" "int64" "integer"
  "Duration" "duration" "Time" "time" "IntOrString" "integer or string" "RawExtension" "object" "SecretType" "string"
  "Condition" "[Condition](https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition)"
  "LabelSelector" "[LabelSelector](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/)"
-}}
{{- if eq $kind "POINTER" -}}
  {{- template "reference" (dict "type" $type.UnderlyingType "pages" .pages "group" .group) -}}
{{- else if eq $kind "MAP" -}}
  map of {{ template "reference" (dict "type" $type.ValueType "pages" .pages "group" .group) }}
{{- else if and (eq $kind "SLICE") (eq $type.Name "byte") -}}
  Base64
{{- else if eq $kind "SLICE" -}}
  list of {{ template "reference" (dict "type" $type.UnderlyingType "pages" .pages "group" .group) }}
{{- else if hasKey .pages $type.Package -}}
  {{- $page := get .pages $type.Package -}}
  [{{ $type.Name }}]({{ if ne $page .group }}{{ $page }}.md{{ end }}#{{ lower $type.Name }})
{{- else -}}
  {{- get $words $type.Name | default $type.Name -}}
{{- end -}}
{{- end -}}
