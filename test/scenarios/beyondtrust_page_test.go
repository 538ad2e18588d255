package scenarios_test

// workloadCredentials is BeyondTrust's own complete example, to be used with a server that is here.
const workloadCredentials = `---
apiVersion: generators.external-secrets.io/v1alpha1
kind: BeyondtrustWorkloadCredentialsDynamicSecret
metadata:
  name: aws-dynamic-generator
spec:
  provider:
    auth:
      apikey:
        token:
          name: api-token
          key: token
    server:
      apiUrl: "https://api.beyondtrust.io/site"
      siteId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    folderPath: "production/aws-temp"
    caProvider:
      type: Secret
      name: my-ca-bundle
      key: ca.crt
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: app-aws-credentials
spec:
  refreshInterval: 45m
  target:
    name: aws-temp-credentials
    creationPolicy: Owner
  dataFrom:
  - sourceRef:
      generatorRef:
        apiVersion: generators.external-secrets.io/v1alpha1
        kind: BeyondtrustWorkloadCredentialsDynamicSecret
        name: aws-dynamic-generator
`

// workloadCredentialsParts are the other examples of that page: a generator that is put together from those that show a part of it,
// and the ExternalSecrets that refer to it. The page writes some of them without apiVersion in generatorRef.
const workloadCredentialsParts = `---
apiVersion: generators.external-secrets.io/v1alpha1
kind: BeyondtrustWorkloadCredentialsDynamicSecret
metadata:
  name: beyondtrustworkloadcredentials-ds
spec:
  provider:
    auth:
      apikey:
        token:
          name: api-token
          key: token
    server:
      apiUrl: "https://api.beyondtrust.io/site"
      siteId: "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
    folderPath: "my/dynamic"
    caProvider:
      type: Secret
      name: my-ca-bundle
      key: ca.crt
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: often
spec:
  refreshInterval: 5m
  refreshPolicy: Periodic
  target:
    name: app-aws-credentials
  dataFrom:
  - sourceRef:
      generatorRef:
        apiVersion: generators.external-secrets.io/v1alpha1
        kind: BeyondtrustWorkloadCredentialsDynamicSecret
        name: beyondtrustworkloadcredentials-ds
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: aws-credentials
spec:
  refreshInterval: 45m
  target:
    name: aws-temp-creds
  dataFrom:
  - sourceRef:
      generatorRef:
        apiVersion: generators.external-secrets.io/v1alpha1
        kind: BeyondtrustWorkloadCredentialsDynamicSecret
        name: beyondtrustworkloadcredentials-ds
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: app-1-aws-creds
spec:
  refreshInterval: 45m
  target:
    name: app-1-aws-credentials
  dataFrom:
  - sourceRef:
      generatorRef:
        kind: BeyondtrustWorkloadCredentialsDynamicSecret
        name: beyondtrustworkloadcredentials-ds
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: app-2-aws-creds
spec:
  refreshInterval: 45m
  target:
    name: app-2-aws-credentials
  dataFrom:
  - sourceRef:
      generatorRef:
        kind: BeyondtrustWorkloadCredentialsDynamicSecret
        name: beyondtrustworkloadcredentials-ds
`
