package llmsim_test

import (
	"strings"
	"testing"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// chunksOf returns the payloads of a stream in OpenAI's framing.
func chunksOf(t *testing.T, body string) []string {
	t.Helper()
	body, ok := strings.CutSuffix(body, "\n\ndata: [DONE]\n\n")
	body, begun := strings.CutPrefix(body, "data: ")
	if !ok || !begun {
		t.Fatalf("not a whole stream: %q", body)
	}
	return strings.Split(body, "\n\ndata: ")
}

func TestChunkShapes(t *testing.T) {
	const (
		plainHi   = `{"content":"Hi"}`
		plainRole = `{"role":"assistant","content":""}`
		usage     = `{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}`
		tail      = `"object":"chat.completion.chunk","created":946684800,"model":"step-2-chat",`
		filter    = `{"hate":{"filtered":false,"severity":"safe"}}`
	)
	with := func(chunk, member string) string { return strings.TrimSuffix(chunk, "}") + "," + member + "}" }
	hiThere := func(s llmsim.Script) llmsim.Script { s.ID, s.Text = "c1", "Hi"; return s }
	usageChunk := `{"id":"c1",` + tail + `"choices":[],"usage":` + usage + `}`

	tests := []struct {
		name   string
		script llmsim.Script
		want   []string
	}{
		{"empty role and finish", llmsim.Script{Chunks: llmsim.ChunkShape{EmptyRole: true, EmptyFinish: true}}, []string{
			choice(`{"role":"","content":""}`, `""`),
			choice(`{"role":"","content":"Hi"}`, `""`),
			choice(`{"role":"","content":""}`, `"stop"`),
		}},
		{"stepfun", llmsim.StepFun(""), []string{
			with(choice(`{"role":"","content":""}`, `""`), `"usage":`+usage),
			with(choice(`{"role":"","content":"Hi"}`, `""`), `"usage":`+usage),
			with(choice(`{"role":"","content":""}`, `"stop"`), `"usage":`+usage),
		}},
		{"joined role", llmsim.Script{Chunks: llmsim.ChunkShape{JoinedRole: true}}, []string{
			choice(`{"role":"assistant","content":"Hi"}`, "null"), stop,
		}},
		{"joined role, reasoning", llmsim.Script{Reasoning: "So", Chunks: llmsim.ChunkShape{JoinedRole: true}}, []string{
			choice(`{"role":"assistant","reasoning_content":"So"}`, "null"), hi, stop,
		}},
		{"null content", llmsim.Script{Chunks: llmsim.ChunkShape{NullContent: true}}, []string{
			choice(`{"role":"assistant","content":null}`, "null"),
			choice(plainHi, "null"),
			choice(`{"content":null}`, "null"),
			choice(`{"content":null}`, `"stop"`),
		}},
		{"array content", llmsim.Script{Chunks: llmsim.ChunkShape{ArrayContent: true}}, []string{
			choice(plainRole, "null"), choice(`{"content":[{"type":"text","text":"Hi"}]}`, "null"), stop,
		}},
		{"null error", llmsim.Script{Chunks: llmsim.ChunkShape{NullError: true}}, []string{
			with(opening, `"error":null`), with(hi, `"error":null`), with(stop, `"error":null`),
		}},
		{"null tool calls", llmsim.Script{Chunks: llmsim.ChunkShape{ToolCalls: "null"}}, []string{
			choice(`{"role":"assistant","content":"","tool_calls":null}`, "null"),
			choice(`{"content":"Hi","tool_calls":null}`, "null"),
			choice(`{"tool_calls":null}`, `"stop"`),
		}},
		{"no finish", llmsim.Script{Chunks: llmsim.ChunkShape{NoFinish: true}}, []string{opening, hi}},
		{"other finish", llmsim.Script{FinishReason: "eos"}, []string{opening, hi, choice(`{}`, `"eos"`)}},
		{"other model", llmsim.Script{Model: "m2"}, []string{
			strings.Replace(opening, "step-2-chat", "m2", 1), strings.Replace(hi, "step-2-chat", "m2", 1), strings.Replace(stop, "step-2-chat", "m2", 1),
		}},
		{"azure", llmsim.Azure(""), []string{
			`{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":` + filter + `}]}`,
			opening, hi, stop,
			head + `{"index":0,"finish_reason":null,"content_filter_results":` + filter + `,"content_filter_offsets":{"check_offset":0,"start_offset":0,"end_offset":0}}]}`,
		}},
		{"reasoning_content", llmsim.Script{Reasoning: "So"}, []string{
			opening, choice(`{"reasoning_content":"So"}`, "null"), hi, stop,
		}},
		{"reasoning", llmsim.Script{Reasoning: "So", ReasoningIn: llmsim.ReasoningField}, []string{
			opening, choice(`{"reasoning":"So"}`, "null"), hi, stop,
		}},
		{"think", llmsim.Script{Reasoning: "So", ReasoningIn: llmsim.ReasoningInline}, []string{
			opening, choice(`{"content":"<think>"}`, "null"), choice(`{"content":"\nSo"}`, "null"),
			choice(`{"content":"\n</think>"}`, "null"), choice(`{"content":"\n\n"}`, "null"), hi, stop,
		}},
		{"usage with finish", llmsim.Script{UsageIn: llmsim.UsageWithFinish}, []string{
			opening, hi, with(stop, `"usage":`+usage),
		}},
		{"usage always", llmsim.Script{UsageIn: llmsim.UsageAlways}, []string{opening, hi, stop, usageChunk}},
		{"usage not asked for", llmsim.Script{}, []string{opening, hi, stop}},
		{"null usage", llmsim.Script{UsageIn: llmsim.UsageAlways, Chunks: llmsim.ChunkShape{NullUsage: true}}, []string{
			with(opening, `"usage":null`), with(hi, `"usage":null`), with(stop, `"usage":null`), usageChunk,
		}},
		{"cumulative then null", llmsim.Script{UsageIn: llmsim.UsageCumulativeNull}, []string{
			with(opening, `"usage":`+usage), with(hi, `"usage":`+usage), with(stop, `"usage":`+usage),
			strings.Replace(usageChunk, usage, "null", 1),
		}},
		{"odd usage chunk", llmsim.Script{UsageIn: llmsim.UsageAlways, Chunks: llmsim.ChunkShape{EmptyUsageID: true, NullChoices: true}}, []string{
			opening, hi, stop, `{"id":"",` + tail + `"choices":null,"usage":` + usage + `}`,
		}},
		{"padding", llmsim.Script{Chunks: llmsim.ChunkShape{Padding: 3}}, []string{
			with(opening, `"padding":"xxx"`), with(hi, `"padding":"xxx"`), with(stop, `"padding":"xxx"`),
		}},
		{"cached in details", llmsim.Script{UsageIn: llmsim.UsageWithFinish, Cached: 2}, []string{
			opening, hi, with(stop, `"usage":`+with(usage, `"prompt_tokens_details":{"cached_tokens":2}`)),
		}},
		{"cached at top", llmsim.Script{UsageIn: llmsim.UsageWithFinish, Cached: 2, CachedIn: llmsim.CachedTopLevel}, []string{
			opening, hi, with(stop, `"usage":`+with(usage, `"cached_tokens":2`)),
		}},
		{"cached hit and miss", llmsim.Script{UsageIn: llmsim.UsageWithFinish, Cached: 2, CachedIn: llmsim.CachedHitMiss}, []string{
			opening, hi, with(stop, `"usage":`+with(usage, `"prompt_cache_hit_tokens":2,"prompt_cache_miss_tokens":1`)),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
				got := chunksOf(t, s.play(hiThere(test.script)).bodyWithoutComments())
				for i := range max(len(got), len(test.want)) {
					if i >= len(got) || i >= len(test.want) || got[i] != test.want[i] {
						t.Fatalf("chunk %d:\n got %s\nwant %s", i,
							strings.Join(got[min(i, len(got)):], "\n     "), strings.Join(test.want[min(i, len(test.want)):], "\n     "))
					}
				}
			})
		})
	}
}

func TestIdentityQuirks(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		got := s.play(llmsim.Script{Text: "Hi", Chunks: llmsim.ChunkShape{NumericID: true, FloatCreated: true}}).body
		if n := strings.Count(got, `{"id":1,"object":"chat.completion.chunk","created":946684800.25,"model"`); n != 3 {
			t.Errorf("%d of 3 chunks have a number as id and a fraction as time: %s", n, got)
		}
	})
}

func TestToolCallChunks(t *testing.T) {
	bubble(t, llmsim.Options{}, func(t *testing.T, s *sim) {
		script := llmsim.Script{ID: "c1", ToolCalls: []llmsim.ToolCall{
			{ID: "a", Name: "find", Arguments: `{"q":1}`}, {Name: "stop"},
		}}
		want := func(index0, index1 string) string {
			return strings.Join([]string{
				opening,
				choice(`{"tool_calls":[{`+index0+`"id":"a","type":"function","function":{"name":"find","arguments":""}}]}`, "null"),
				choice(`{"tool_calls":[{`+index0+`"function":{"arguments":"{\"q\":1}"}}]}`, "null"),
				choice(`{"tool_calls":[{`+index1+`"id":"call_2","type":"function","function":{"name":"stop","arguments":""}}]}`, "null"),
				choice(`{"tool_calls":[{`+index1+`"function":{"arguments":""}}]}`, "null"),
				choice(`{}`, `"tool_calls"`),
			}, "\n")
		}
		for shape, want := range map[llmsim.ToolIndex]string{
			llmsim.ToolIndexed:  want(`"index":0,`, `"index":1,`),
			llmsim.ToolNoIndex:  want("", ""),
			llmsim.ToolMinusOne: want(`"index":-1,`, `"index":-1,`),
		} {
			script.Chunks.ToolIndex = shape
			got := strings.Join(chunksOf(t, s.play(script).body), "\n")
			wantBody(t, "tool calls", got, want)
		}
	})
}
