package master

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorun/value"
)

// What a master refuses a request for; each is found in a *RefusedError by errors.Is.
var (
	// ErrAuthentication is returned when the master does not take the key, the token or
	// the password.
	ErrAuthentication = errors.New("the master does not accept who asks")
	// ErrEauthOnly is returned when a master takes such a request from those alone who
	// authenticate by eauth or a token, and got a key: up to 2014.7 runners, for example.
	ErrEauthOnly = errors.New("this master takes that only with external authentication")
	// ErrAuthorization is returned when the master knows who asks, and does not allow it.
	ErrAuthorization = errors.New("the master does not allow that")
	// ErrNotReady is returned when the master is of a cluster that is not ready yet.
	ErrNotReady = errors.New("the master's cluster is not ready yet")
	// ErrOverloaded is returned when the master failed at a request that others are
	// answered to: a worker that is not there, no jid, a full disk.
	ErrOverloaded = errors.New("the master failed at the request")
	// ErrRefused is returned when the master refuses a request for another reason.
	ErrRefused = errors.New("the master refuses the request")
)

// RefusedError is an answer that is none: what the master said, and which of the errors
// above it is.
type RefusedError struct {
	Kind error
	// Name is that of the exception in Salt, Message its text; either may be empty.
	Name, Message string
}

func (e *RefusedError) Error() string {
	switch {
	case e.Message != "":
		return fmt.Sprintf("%v: %s", e.Kind, e.Message)
	case e.Name != "":
		return fmt.Sprintf("%v: %s", e.Kind, e.Name)
	}
	return e.Kind.Error()
}

// Unwrap returns the kind.
func (e *RefusedError) Unwrap() error { return e.Kind }

// refusals are the names that masters give their errors.
var refusals = map[string]error{
	"AuthenticationError":      ErrAuthentication,
	"UserAuthenticationError":  ErrAuthentication,
	"TokenAuthenticationError": ErrAuthentication,
	"EauthAuthenticationError": ErrAuthentication,
	"AuthorizationError":       ErrAuthorization,
	"UnauthorizedError":        ErrAuthorization,
}

// failures are how the texts begin that a master answers with when it has failed itself.
var failures = []string{
	"Server-side exception handling payload",
	"Some exception handling minion payload",
	"Internal routing error",
	"No client for pool",
	"Master failed to assign jid",
}

// refusal tells an answer from a refusal, which may be a text, a field error of the
// reply or one of its load.
func refusal(reply value.Value) error {
	switch reply := reply.(type) {
	case string:
		return refusedBy(reply)
	case value.Bytes:
		return refusedBy(string(reply))
	case *value.Map:
		if v, ok := reply.Get("error"); ok && value.Truth(v) {
			return refusedBy(v)
		}
		v, _ := reply.Get("load")
		load, _ := v.(*value.Map)
		if retry, _ := load.Get("cluster_retry"); value.Truth(retry) {
			return &RefusedError{Kind: ErrNotReady}
		}
		if v, _ := load.Get("error"); value.Truth(v) {
			if _, ok := load.Get("jid"); ok { // nobody matched: no refusal, LocalClient goes on
				return nil
			}
			return refusedBy(v)
		}
		return nil
	}
	return fmt.Errorf("%w: it is neither a map nor a text", ErrBadReply)
}

func refusedBy(said value.Value) error {
	e := &RefusedError{Kind: ErrRefused}
	switch said := said.(type) {
	case string:
		e.Message = said
		switch {
		case said == "": // up to 2018.3, for whatever it does not accept
			e.Kind = ErrAuthentication
		case slices.ContainsFunc(failures, func(text string) bool { return strings.HasPrefix(said, text) }):
			e.Kind = ErrOverloaded
		}
	case *value.Map:
		name, _ := said.Get("name")
		message, _ := said.Get("message")
		e.Name, _ = name.(string)
		e.Message, _ = message.(string)
		if kind, ok := refusals[e.Name]; ok {
			e.Kind = kind
		}
	}
	return e
}
