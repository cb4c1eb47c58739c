package boltstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// schema is the version of the file's layout. A file with a larger one is
// refused, one with a smaller one is taken over when it is opened.
//
//	1  the first
//	2  turns say how they were answered, at the end of their record
//	3  usage is added up in cubes too; budgets, and lists of people's turns
const schema = 3

// leftover is what create adds to a file's name while it is being made.
const leftover = ".new-"

// create makes an empty store. bbolt can leave a damaged file if the power
// fails while it makes one, so the file is made under another name, is on the
// disk before it gets its own, and never replaces a file that has come up
// meanwhile.
func create(path string, o Options) (err error) {
	temp, err := tempBeside(path)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := initialise(temp, o); err != nil {
		return err
	}
	if err := place(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// tempBeside makes an empty file in the folder of path.
func tempBeside(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+leftover)
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// place gives a finished file its name. It returns [fs.ErrExist] if there is
// such a file: a link fails where a rename would replace, and two processes that
// start at the same time must end up with one file.
func place(temp, path string) error {
	if err := os.Link(temp, path); err != nil {
		if exists(path) {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		if err := os.Rename(temp, path); err != nil { // a file system without links
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func initialise(path string, o Options) error {
	o.InitialMmapSize, o.MaxSize = 0, 0
	db, err := bolt.Open(path, 0o600, o.bolt(o.LockTimeout, nil))
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketNames[bucketMeta])
		for name, n := range map[string]uint32{"schema": schema, "boot": 0} {
			if err := meta.Put([]byte(name), metaNumber([]byte(name), n)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a folder, and needs not
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeLeftovers deletes what processes that died in create have left beside
// path. The caller holds path's lock: whoever still is in create only has
// to find out that path exists.
func removeLeftovers(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), filepath.Base(path)+leftover)
		if ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}
