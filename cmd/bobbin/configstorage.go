package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bobbin-bot/bobbin/llm"
)

// loadStorageConfig loads only what a command that operates the store has to
// know, so that it works at night without the bot's keys, and with mistakes
// elsewhere in the file.
func loadStorageConfig(env *environment) (storageConfig, error) {
	c := defaultConfig()
	name := cmp.Or(env.configPath, defaultFile)
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		if err := decodeStorage(text, name, env.getenv, &c.Storage); err != nil {
			return c.Storage, usageError{err}
		}
	case errors.Is(err, fs.ErrNotExist) && env.configPath == "":
	default:
		return c.Storage, usageError{fmt.Errorf("read configuration: %w", err)}
	}
	m := &mistakes{file: name}
	c.Storage.check(m)
	if err := m.err(); err != nil {
		return c.Storage, usageError{err}
	}
	return c.Storage, nil
}

// minMaxSize is too little for a bot to begin with.
const minMaxSize = 64 << 20

func (c storageConfig) check(m *mistakes) {
	if _, err := c.boltPath(); err != nil {
		m.add("storage.url", "%v", err)
	}
	if n, err := parseSize(c.MaxSize); err != nil {
		m.add("storage.max_size", "%v", err)
	} else if n > 0 && n < minMaxSize {
		m.add("storage.max_size", "%q: want 0 (no limit) or at least 64MiB", c.MaxSize)
	}
	if _, err := c.Backup.clock(); err != nil {
		m.add("storage.backup.at", "%q: want a time of day such as \"03:00\"", c.Backup.At)
	}
	if c.Backup.Keep < 1 {
		m.add("storage.backup.keep", "%d: want 1 or more; to make no backups leave dir empty", c.Backup.Keep)
	}
}

// clock returns the time of day of the backup, since midnight.
func (c backupConfig) clock() (time.Duration, error) {
	t, err := time.Parse("15:04", c.At)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}

// boltPath returns the file behind bolt://PATH.
func (c storageConfig) boltPath() (string, error) {
	path, ok := strings.CutPrefix(c.URL, "bolt://")
	switch {
	case ok && path != "" && !strings.HasSuffix(path, "/"):
		return filepath.FromSlash(path), nil
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"):
		return "", fmt.Errorf("PostgreSQL is not supported by this version; use bolt://bobbin.db")
	}
	return "", fmt.Errorf("%q: want bolt://PATH, such as bolt://bobbin.db or bolt:///var/lib/bobbin/bobbin.db", llm.Redact(c.URL))
}

// parseSize reads a number of bytes, with a unit or without.
func parseSize(text string) (int64, error) {
	units := []struct {
		name  string
		bytes float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}
	number, unit := strings.TrimSpace(text), 1.0
	for _, u := range units {
		if n := len(number) - len(u.name); n > 0 && strings.EqualFold(number[n:], u.name) {
			number, unit = strings.TrimSpace(number[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0) || n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q: want a size such as 10GB or 512MiB; 0 is no limit", text)
	}
	return int64(n * unit), nil
}

// humanBytes is for people: three digits and a unit.
func humanBytes(n int64) string {
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 999.5 && len(units) > 1 {
		value /= 1000
		units = units[1:]
	}
	if value < 9.95 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", value, units[0])
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}
