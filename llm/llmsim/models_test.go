package llmsim_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/bobbin-bot/bobbin/llm/llmsim"
)

// fetch sends a GET request to a path below the base URL.
func (s *sim) fetch(ctx context.Context, path string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func (s *sim) get(ctx context.Context, path string) (int, error) {
	status, _, err := s.fetch(ctx, path)
	return status, err
}

func TestModels(t *testing.T) {
	const missing = `{"error":{"message":"The model ` + "`c`" + ` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`
	bubble(t, llmsim.Options{Models: []string{"a", "org/b"}, APIKey: "secret"}, func(t *testing.T, s *sim) {
		for path, want := range map[string]struct {
			status int
			body   string
		}{
			"/models":       {200, `{"object":"list","data":[{"id":"a","object":"model","created":946684800,"owned_by":"llmsim"},{"id":"org/b","object":"model","created":946684800,"owned_by":"llmsim"}]}`},
			"/models/org/b": {200, `{"id":"org/b","object":"model","created":946684800,"owned_by":"llmsim"}`},
			"/models/c":     {404, missing},
			"/engines":      {404, `{"error":{"message":"Invalid URL (GET /v1/engines)","type":"invalid_request_error","param":null,"code":null}}`},
		} {
			status, body, err := s.fetch(t.Context(), path)
			if status != want.status || body != want.body || err != nil {
				t.Errorf("%s: %d %s, %v\nwant %d %s", path, status, body, err, want.status, want.body)
			}
		}
		if n := s.ModelLists(); n != 1 {
			t.Errorf("counted %d lists of models, want 1", n)
		}
		if n := len(s.Requests()); n != 0 {
			t.Errorf("the journal has %d requests, want completions only", n)
		}
	})
	bubble(t, llmsim.Options{APIKey: "other"}, func(t *testing.T, s *sim) {
		if status, err := s.get(t.Context(), "/models"); status != 401 || err != nil {
			t.Errorf("wrong key: %d, %v", status, err)
		}
	})
}
