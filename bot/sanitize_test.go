package bot

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

var trusted = linkHosts{"ok.example", "*.docs.example"}

func TestSanitize(t *testing.T) {
	const j = wordJoiner
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"one\r\ntwo\rthree", "one\ntwo\nthree"},

		// Mentions, in text and in code.
		{"<!channel> <!here>", "<" + j + "!channel> <" + j + "!here>"},
		{"<!subteam^S1>", "<" + j + "!subteam^S1>"},
		{"<@U1> <#C1>", "<" + j + "@U1> <" + j + "#C1>"},
		{"`<!channel>`", "`<" + j + "!channel>`"},
		{"```\n<@U1>\n```", "```\n<" + j + "@U1>\n```"},
		{"&lt;!channel>", "&lt;" + j + "!channel>"},
		{"&#60;!channel>", "&" + j + "#60;!channel>"},
		{"@here, @Channel, a@here.example", "@" + j + "here, @" + j + "Channel, a@here.example"},
		{"<<!channel>", "<<" + j + "!channel>"},

		// Links to trusted hosts.
		{"[the page](https://ok.example/a?b=c#d)", "[the page](https://ok.example/a?b=c#d)"},
		{"see https://ok.example/a, or", "see https://ok.example/a, or"},
		{"<https://a.docs.example/>", "https://a.docs.example/"},
		{"[wiki](https://ok.example/Go_(language))", "[wiki](https://ok.example/Go_%28language%29)"},
		{"[mail](mailto:a@b.example)", "[mail](mailto:a@b.example)"},
		{"[`code`](https://ok.example \"title\")", "[`code`](https://ok.example)"},

		// Links to others.
		{"[click](https://evil.example/?q=secret)", "click (`https://evil.example/?q=secret`)"},
		{"[https://evil.example](https://evil.example)", "`https://evil.example`"},
		{"[https://ok.example](https://evil.example)", "`https://ok.example` (`https://evil.example`)"},
		{"[x](https://ok.example@evil.example)", "x (`https://ok.example@evil.example`)"},
		{"[x](https://ok.example\\@evil.example)", "x (`https://ok.example\\@evil.example`)"},
		{"[x](https://ok.example.evil.example)", "x (`https://ok.example.evil.example`)"},
		{"[x](https://docs.example/)", "x (`https://docs.example/`)"}, // *. is what is below it
		{"[x](https://ok.example/?to=https://evil.example)", "x (`https://ok.example/?to=https://evil.example`)"},
		{"a ```\r\r[x](https://evil.example) ```", "a ˋˋˋ\n\nx (`https://evil.example`) ˋˋˋ"}, // no code: a line ends at \r too
		{"[x](javascript:alert(1))", "x (`javascript:alert(1)`)"},
		{"[x](//evil.example/y)", "x (`//evil.example/y`)"},
		{"[part](#part)", "part"},
		{"go to https://evil.example.", "go to `https://evil.example`."},
		{"(https://evil.example/a_(b))", "(`https://evil.example/a_(b)`)"},
		{"**https://evil.example**", "**`https://evil.example`**"},
		{"www.evil.example and evil.example/path", "`www.evil.example` and `evil.example/path`"},
		{"slack://open", "slack:" + j + "//open"},
		{"<https://evil.example|nice>", "nice (`https://evil.example`)"},
		{"看https://evil.example。好", "看`https://evil.example`。好"},
		{"`a`https://evil.example", "`a`" + j + "`https://evil.example`"},

		// Images, references, tags.
		{"![chart](https://evil.example/x.png)", "chart (`https://evil.example/x.png`)"},
		{"![](https://evil.example/x.png)", "image (`https://evil.example/x.png`)"},
		{"![chart](https://ok.example/x.png)", "[chart](https://ok.example/x.png)"},
		{"[![b](https://evil.example/b.svg)](https://ok.example)", "[b (`https://evil.example/b.svg`)](https://ok.example)"},
		{"[a]: https://evil.example", "[a]" + j + ": `https://evil.example`"},
		{"![a][b]", "!" + j + "[a]" + j + "[b]"},
		{"<img src=x>", "<" + j + "img src=x>"},

		// Code keeps its text.
		{"`curl https://evil.example`", "`curl https://evil.example`"},
		{"```sh\ncurl https://evil.example/[x](y)\n```\n", "```sh\ncurl https://evil.example/[x](y)\n```\n"},
		{"1. do\n   ```sh\n   curl https://evil.example\n   ```\n", "1. do\n   ```sh\n   curl https://evil.example\n   ```\n"},
		{"> ```\n> https://evil.example\n> ```\n", "> ```\n> https://evil.example\n> ```\n"},
		{"``` a\n~~~\n```\nhttps://evil.example", "``` a\n~~~\n```\n`https://evil.example`"},
		// What only looks like code does not.
		{"a ` b https://evil.example", "a " + standIn + " b `https://evil.example`"},
		{"> ```\nhttps://evil.example", "> ```\n`https://evil.example`"},
		{"| `a | https://evil.example` |", "| " + standIn + "a | `https://evil.example`" + standIn + " |"},
		{"\\`https://evil.example\\`", standIn + "`https://evil.example`" + standIn},

		// Ordinary things stay what they are.
		{"a < b && c > d, x[1] = 2", "a < b && c > d, x[1] = 2"},
		{"- [ ] open\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "- [ ] open\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"},
		{"main.go and README.md, v1.2.3, 10/12", "main.go and README.md, v1.2.3, 10/12"},
		{"AT&T &amp; co: 50% off!", "AT&T &amp; co: 50% off!"},
	} {
		if got := sanitize(c.in, true, trusted); got != c.want {
			t.Errorf("sanitize(%q)\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestLinkHosts(t *testing.T) {
	for host, want := range map[string]string{
		"example.com": "", "*.example.com": "", "*": "", "localhost": "",
		"https://example.com/": "want the host alone: example.com",
		"Example.com":          "want lower case: example.com",
		"exa mple":             "want a name such as",
		"**.example.com":       "want a name such as",
	} {
		err := CheckLinkHost(host)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckLinkHost(%q) = %v, want %q", host, err, want)
		}
	}
	if got := sanitize("https://any.example/x", true, linkHosts{"*"}); got != "https://any.example/x" {
		t.Errorf("with * every host is trusted, got %q", got)
	}
}

// What of a text a reader of Markdown that shares no code with ours takes for a
// link, an image or a tag.
var reader = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

func dangers(markdown string) (found []string) {
	source := []byte(markdown)
	ast.Walk(reader.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			found = append(found, "image "+string(n.Destination))
		case *ast.RawHTML, *ast.HTMLBlock:
			found = append(found, "HTML")
		case *ast.Link:
			if leads(string(n.Destination)) {
				found = append(found, "link "+string(n.Destination))
			}
		case *ast.AutoLink:
			if n.AutoLinkType == ast.AutoLinkURL && leads(string(n.URL(source))) {
				found = append(found, "address "+string(n.URL(source)))
			}
		}
		return ast.WalkContinue, nil
	})
	return found
}

// leads reports whether an address leads to a host that is not trusted.
func leads(dest string) bool {
	u, err := url.Parse(dest)
	if err != nil {
		return true
	}
	return u.Host != "" && !trusted.allows(u.Hostname()) || u.Host == "" && u.Scheme != "" && u.Scheme != "mailto"
}

// However a text is cut while it streams, what was shown stays a beginning of
// what will be shown; no mention, image or tag survives, and no link to a host
// that is not trusted.
func FuzzSanitize(f *testing.F) {
	for _, s := range []string{
		"<!channel>", "x<", "<@U1>", "<!", "<<@W<#C", "é<!here>", "@channel", "&lt;!here>",
		"![a](https://evil.example/b)", "[a](https://evil.example)", "[a]: https://evil.example\n\n[a] ![a]",
		"```\nhttps://evil.example\n```\n", "> ```\nhttps://evil.example", "- ```\nhttps://evil.example", "1. a\n    ```\nhttps://evil.example",
		"`a\nb` https://evil.example `c`", "| `a | b` https://evil.example |\n|---|---|\n", "<a href=\"`\">`https://evil.example`</a>",
		"\\`https://evil.example`", "~~~a\n```\n~~~\nhttps://evil.example", "[![a](b)](https://evil.example)", "[a](<https://evil.example>)",
		"[a](https://ok.example/\"https://evil.example)", "ok.example/https://evil.example", "www.evil.example*www.evil.example", "https://evil.example`https://evil.example",
		"``a` https://evil.example``", "[`](https://evil.example)`", "<https://evil.example/`>`", "a\n===\n```b`\nhttps://evil.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) <= 300 {
			harmless(t, s)
		}
	})
}

// Texts put together from what has a meaning reach further than random bytes.
func FuzzSanitizeFragments(f *testing.F) {
	fragments := []string{
		"https://evil.example", "https://ok.example/a", "www.evil.example", "evil.example/b", "//", ":", ".", "a", "word ", " ", "    ",
		"\n", "\n\n", "```", "```sh\n", "~~~", "`", "``", "> ", ">", "- ", "1. ", "# ", "|", "\n|---|---|\n", "[", "]", "(", ")", "![", "](",
		"[a]: ", "<", ">", "<a href=", "</a>", "<!--", "-->", "<!channel>", "<@U1>", "\\", "&", "&lt;", "&#58;", "\"", "'", "*", "**", "_", "~", "\t", "é", "好",
		"===", "---", "<div>", "  ", "   ", "x](https://evil.example)", "@here", "\r\n", "<?", "<![CDATA[", "]]>", "ftp://evil.example", "[^1]",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		b := make([]byte, 2+random.IntN(16))
		for i := range b {
			b[i] = byte(random.IntN(len(fragments)))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, picks []byte) {
		var s strings.Builder
		for _, p := range picks[:min(len(picks), 30)] {
			s.WriteString(fragments[int(p)%len(fragments)])
		}
		harmless(t, s.String())
	})
}

// harmless holds what sanitize makes of s against its promises.
func harmless(t *testing.T, s string) {
	t.Helper()
	whole := sanitize(s, true, trusted)
	for cut := range len(s) {
		if part := sanitize(s[:cut], false, trusted); !strings.HasPrefix(whole, part) {
			t.Fatalf("of %q the beginning %q was shown as %q, the whole as %q", s, s[:cut], part, whole)
		}
	}
	for i := range whole {
		if whole[i] == '<' && controls(whole[i:]) {
			t.Fatalf("a mention survived: %q became %q", s, whole)
		}
	}
	if found := dangers(whole); len(found) > 0 {
		t.Fatalf("%q became %q, which holds %q", s, whole, found)
	}
}
