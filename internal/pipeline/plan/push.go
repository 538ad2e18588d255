package plan

// Push decides whether a PushSecret is to be pushed. It differs from Refresh in what interval 0 means: values are not
// read again, but a change of the object is still carried out, with the values that the stores hold. generated says
// that the source is a generator; replaces, that existing values are to be replaced, without which an interval asks for
// no new value.
func Push(f Facts, generated, replaces bool) Decision {
	switch {
	case f.RefreshTime.IsZero() || f.SyncedVersion == "":
		return Decision{Due: true, Reason: ReasonNeverSynced}
	case forced(f):
		return Decision{Due: true, Rotate: true, Reason: ReasonForceSync}
	case f.Version != f.SyncedVersion:
		return Decision{Due: true, Reason: ReasonObjectChanged}
	case f.Interval == 0 && generated && f.Inputs != f.SyncedInputs:
		return Decision{Due: true, Reason: ReasonInputChanged}
	case f.Interval == 0:
		return Decision{Reason: ReasonFrozen}
	default:
		d := periodic(f)
		d.Rotate = d.Rotate && replaces
		return d
	}
}
