package parsers

import "github.com/logmeter/logmeter/agent"

// Why a line is refused. The reasons are names of metrics: they stay.
var (
	refusedNoMatch = &agent.Refused{Reason: "no_match", Detail: "the line isn't of the configured format"}
	refusedByte    = &agent.Refused{Reason: "bad_byte", Detail: "a wanted field holds a byte that the format's escape never prints"}
	refusedEscape  = &agent.Refused{Reason: "bad_escape", Detail: "a wanted field holds a backslash that the format's escape never prints so"}
	refusedTime    = &agent.Refused{Reason: "bad_time", Detail: "the line's time can't be read"}
	refusedStatus  = &agent.Refused{Reason: "bad_status", Detail: "the line's status isn't three digits"}
	refusedCharset = &agent.Refused{Reason: "outside_charset", Detail: "a variable holds something else than the format's charset allows"}
	refusedJSON    = &agent.Refused{Reason: "bad_json", Detail: "the line isn't one whole object of JSON"}
	refusedTwice   = &agent.Refused{Reason: "duplicate_key", Detail: "a wanted key is in the line twice"}
	refusedType    = &agent.Refused{Reason: "bad_type", Detail: "a wanted key has an object, a list or a truth value"}
	refusedWrap    = &agent.Refused{Reason: "bad_wrap", Detail: "the line isn't wrapped as the format's wrap says"}
	refusedPrefix  = &agent.Refused{Reason: "bad_prefix", Detail: "the line doesn't begin with the format's prefix"}
)
