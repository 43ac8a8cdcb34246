package event

// Who, in any protocol (ECS user.*). Secrets are never written.
const (
	UserName   = "user.name"   // who logged in
	UserDomain = "user.domain" // the domain or realm the name belongs to
)
