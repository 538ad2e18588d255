package v1

// FakeProvider keeps the values that it lists, in plain text. For tests and demonstrations.
type FakeProvider struct {
	// Data are the values.
	Data []FakeProviderData `json:"data"`
	// ValidationResult is what a check of the store finds: 0 ready, 1 unknown, 2 failed. 0 when empty.
	// +kubebuilder:validation:Enum=0;1;2
	// +optional
	ValidationResult *int32 `json:"validationResult,omitempty"`
}

// FakeProviderData is one value.
type FakeProviderData struct {
	// Key of the value.
	Key string `json:"key"`
	// Value itself; a text of JSON can be taken apart by property and extract.
	// +optional
	Value string `json:"value,omitempty"`
	// Version of the value. An empty version is found by a request without one.
	// +optional
	Version string `json:"version,omitempty"`
}
