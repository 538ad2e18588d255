package v1

import metametav1 "github.com/sluice-operator/sluice/apis/meta/v1"

// BeyondtrustWorkloadCredentialsProvider is a site of BeyondTrust Workload Credentials, and how to sign in there.
type BeyondtrustWorkloadCredentialsProvider struct {
	// Auth is how to sign in.
	Auth BeyondtrustWorkloadCredentialsAuth `json:"auth"`
	// Server is the API and the site.
	Server BeyondtrustWorkloadCredentialsServer `json:"server"`
	// FolderPath is the folder that a store reads from and writes to, the root of the site when empty. In a generator it is the folder
	// and the name of the dynamic secret, as in production/aws-temp, and must not be empty.
	// +optional
	FolderPath string `json:"folderPath,omitempty"`
	// CABundle is the PEM of the certificate authority, or Base64 of that PEM. It wins over CAProvider.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`
	// CAProvider names where the certificate authority's PEM is found. Without it and CABundle, those of the system are trusted.
	// +optional
	CAProvider *CAProvider `json:"caProvider,omitempty"`
}

// BeyondtrustWorkloadCredentialsAuth is how to sign in.
type BeyondtrustWorkloadCredentialsAuth struct {
	// APIKey signs in with a token of the API.
	APIKey BeyondtrustWorkloadCredentialsAPIKey `json:"apikey"`
}

// BeyondtrustWorkloadCredentialsAPIKey is a token of the API.
type BeyondtrustWorkloadCredentialsAPIKey struct {
	// Token is where the token is found.
	Token metametav1.SecretKeySelector `json:"token"`
}

// BeyondtrustWorkloadCredentialsServer is the API and the site.
type BeyondtrustWorkloadCredentialsServer struct {
	// APIURL is the address of the API, such as https://api.beyondtrust.io/site.
	// +kubebuilder:validation:Pattern=`^https://`
	APIURL string `json:"apiUrl"`
	// SiteID is the identifier of the site, a UUID of any version.
	// +kubebuilder:validation:Pattern=`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`
	SiteID string `json:"siteId"`
}
