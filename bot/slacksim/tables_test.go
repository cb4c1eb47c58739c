package slacksim_test

import (
	"testing"

	"github.com/bobbin-bot/bobbin/bot/slacksim"
)

func TestOneTable(t *testing.T) {
	const table = "| a | b |\n|---|:-:|\n| 1 | 2 |\n"
	for _, c := range []struct {
		name   string
		blocks []object
		want   string
	}{
		{"none", []object{markdown("a | b\n\n--- | ---")}, ""},
		{"one", []object{markdown("Look:\n" + table)}, ""},
		{"one with a rule for a row", []object{markdown(table + "|---|---|\n| 3 | 4 |")}, ""},
		{"two in one block", []object{markdown(table + "\nand\n\n" + table)}, "invalid_blocks"},
		{"two in two blocks", []object{markdown(table), section("and"), markdown(table)}, "invalid_blocks"},
		{"two without outer bars", []object{markdown("a | b\n- | -\n1 | 2\n\nc|d\r\n---|---\r\n")}, "invalid_blocks"},
		{"two of one column", []object{markdown("| a |\n| - |\n\n| b |\n| - |")}, "invalid_blocks"},
		{"beside a table block", []object{markdown(table), {"type": "table", "rows": []object{}}}, "invalid_blocks"},
		{"in code", []object{markdown(table + "\n~~~\n" + table + "```\n" + table + "~~~~\n")}, ""},
		{"after code", []object{markdown(table + "\n```md\n" + table + "```\n" + table)}, "invalid_blocks"},
		{"indented code", []object{markdown(table + "\n    a | b\n    --|--")}, ""},
		{"another number of cells", []object{markdown(table + "\na | b\n---|---|---")}, ""},
		{"an escaped bar", []object{markdown(table + "\na \\| b | c\n---|---")}, "invalid_blocks"},
		{"a heading's underline", []object{markdown(table + "\nTitle\n-----")}, ""},
	} {
		for _, strict := range []bool{true, false} {
			r := serve(t, slacksim.Options{NoLimits: true, OneTable: strict})
			want := c.want
			if !strict {
				want = ""
			}
			own := r.say(general, "", "first")
			_, stream := r.begin()
			r.ok("chat.appendStream", "channel", general, "ts", stream, "chunks", chunk(table))
			for method, ts := range map[string]string{"chat.postMessage": "", "chat.update": own, "chat.stopStream": stream} {
				if out := r.call(method, "channel", general, "ts", ts, "blocks", marshal(c.blocks)); str(out, "error") != want {
					t.Errorf("%s, OneTable %v: %s answered %v, want error %q", c.name, strict, method, out, want)
				}
			}
		}
	}
}
