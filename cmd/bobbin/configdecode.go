package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decodeConfig reads YAML into c. It is stricter than the library, and clearer:
// unknown and repeated keys are mistakes, with the nearest known key, and
// ${NAME} must exist in the environment.
func decodeConfig(text []byte, file string, getenv func(string) string, c *config) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %s; YAML wants spaces, not tabs, and the same indent for keys of one level",
			file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil // an empty file says nothing
	}
	d := decoder{m: mistakes{file: file}, getenv: getenv}
	d.decode(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	return d.m.err()
}

// decodeStorage reads nothing but the key storage.
func decodeStorage(text []byte, file string, getenv func(string) string, c *storageConfig) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	d := decoder{m: mistakes{file: file}, getenv: getenv}
	if len(doc.Content) > 0 && doc.Content[0].Kind == yaml.MappingNode {
		for pair := range slices.Chunk(doc.Content[0].Content, 2) {
			if pair[0].Value == "storage" {
				d.decode(pair[1], reflect.ValueOf(c).Elem(), "storage")
			}
		}
	}
	return d.m.err()
}

type decoder struct {
	m      mistakes
	getenv func(string) string
}

func (d *decoder) fail(n *yaml.Node, key, format string, args ...any) {
	if key == "" {
		key = "top level"
	}
	d.m.add(fmt.Sprintf("line %d: %s", n.Line, key), format, args...)
}

func (d *decoder) decode(n *yaml.Node, v reflect.Value, key string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		if v.Type() == reflect.TypeFor[*[]string]() {
			// All entries commented out: everybody, or nobody? Do not guess.
			d.fail(n, key, `want a list; ["*"] admits everyone, [] admits nobody`)
		}
		return // `key:` with nothing behind it keeps the default
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.decode(n, fresh.Elem(), key)
		v.Set(fresh)
	case reflect.Struct:
		d.decodeStruct(n, v, key)
	case reflect.Map:
		d.decodeMap(n, v, key)
	case reflect.Slice:
		d.decodeList(n, v, key)
	default:
		d.decodeScalar(n, v, key)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "want keys below it: %s", strings.Join(keysOf(v.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		path := strings.TrimPrefix(key+"."+name.Value, ".")
		field := fieldOf(v, name.Value)
		switch {
		case !field.IsValid():
			d.fail(name, path, "unknown key%s", suggestion(name.Value, keysOf(v.Type())))
		case seen[name.Value]:
			d.fail(name, path, "written twice")
		default:
			seen[name.Value] = true
			d.decode(value, field, path)
		}
	}
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, key, "want keys below it")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(n.Content); i += 2 {
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(n.Content[i+1], value, key+"."+n.Content[i].Value)
		v.SetMapIndex(reflect.ValueOf(n.Content[i].Value), value)
	}
}

func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, key, "want a list: lines that begin with a dash, or [a, b]")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.decode(item, list.Index(i), fmt.Sprintf("%s[%d]", key, i))
	}
	v.Set(list)
}

func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, key, "want one value, not a list or keys")
		return
	}
	expanded := *n
	expanded.Value = d.expand(n, key)
	if expanded.Value != n.Value {
		expanded.Tag = "" // ${PORT} is a number if its value is one
		if v.Kind() == reflect.String {
			expanded.Tag = "!!str"
		}
	}
	err := expanded.Decode(v.Addr().Interface())
	if _, whole := strconv.Atoi(expanded.Value); v.CanInt() && v.Type() != reflect.TypeFor[time.Duration]() && err == nil {
		err = whole // the library cuts 0.5 to 0, which would mean "no limit"
	}
	if err != nil {
		shown := n.Value // not the expanded value: it may be a secret
		d.fail(n, key, "%q: want %s", shown, kindOf(v.Type()))
	}
}

var variable = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces ${NAME}; $${NAME} stays as ${NAME}.
func (d *decoder) expand(n *yaml.Node, key string) string {
	return variable.ReplaceAllStringFunc(n.Value, func(s string) string {
		if strings.HasPrefix(s, "$$") {
			return s[1:]
		}
		name := variable.FindStringSubmatch(s)[1]
		value := d.getenv(name)
		if value == "" {
			d.fail(n, key, "the environment has no %s; set it, or write the value here", name)
		}
		return value
	})
}

func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s, 5m or 720h"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "a whole number"
}

func fieldOf(v reflect.Value, key string) reflect.Value {
	for f, value := range v.Fields() {
		if tag := f.Tag.Get("yaml"); tag == key && tag != "" {
			return value
		}
	}
	return reflect.Value{}
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if tag := f.Tag.Get("yaml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// suggestion names the known key nearest to a mistyped one, or all of them.
func suggestion(word string, known []string) string {
	best := slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
	if distance(word, best) <= max(2, len(best)/3) {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; known here: " + strings.Join(known, ", ")
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
