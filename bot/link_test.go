package bot_test

import "testing"

func TestLink(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		url := w.bot.Workspace().URL
		if url == "" {
			t.Fatal("Slack has not told where the workspace is")
		}
		for id, want := range map[string]string{
			"C0GENERAL": url + "archives/C0GENERAL", "G0OLD": url + "archives/G0OLD",
			"U0ANN": url + "team/U0ANN", "W0GRID": url + "team/W0GRID",
			"D0U0ANN": "", "": "", "X1": "",
		} {
			if got := w.bot.Link(id); got != want {
				t.Errorf("link to %q: %q, want %q", id, got, want)
			}
		}
	})
}
