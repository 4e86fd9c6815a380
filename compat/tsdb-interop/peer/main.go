// tsdb-peer drives Prometheus' own storage on its public packages, for comparisons: it carries out orders from standard input, one JSON
// object a line, and answers each with one JSON line (a dump's series come before it).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

const usage = `tsdb-peer drive DIR           orders on standard input, see Order in orders.go
tsdb-peer bench SERIES SAMPLES DIR [BATCH]   CPU and memory of appending through the log`

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "drive":
		err = drive(os.Args[2])
	case len(os.Args) >= 5 && os.Args[1] == "bench":
		err = bench(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func drive(dir string) error {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	s := &store{dir: dir}
	for decoder.More() {
		var o Order
		if err := decoder.Decode(&o); err != nil {
			return err
		}
		if o.Op == "kill" {
			// As kill -9: nothing is flushed or closed.
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		answer := s.carryOut(&o, encoder)
		if err := encoder.Encode(answer); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}
