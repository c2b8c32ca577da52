package main

import (
	"fmt"
	"regexp"
	"strings"
)

// transcript keeps what a member says, a line each.
type transcript struct {
	text  strings.Builder
	debug bool
	// mute: the session is only replayed.
	mute bool
}

func (l *transcript) line(level byte, text string) {
	if l.mute {
		return
	}
	l.text.WriteByte(level)
	l.text.WriteByte(' ')
	l.text.WriteString(text)
	l.text.WriteByte('\n')
}

func (l *transcript) print(level byte, v []any) {
	if !l.mute {
		l.line(level, fmt.Sprint(v...))
	}
}

func (l *transcript) printf(level byte, format string, v []any) {
	if !l.mute {
		l.line(level, fmt.Sprintf(format, v...))
	}
}

func (l *transcript) Debug(v ...any) {
	if l.debug {
		l.print('D', v)
	}
}

func (l *transcript) Debugf(format string, v ...any) {
	if l.debug {
		l.printf('D', format, v)
	}
}

func (l *transcript) Info(v ...any)                  { l.print('I', v) }
func (l *transcript) Infof(format string, v ...any)  { l.printf('I', format, v) }
func (l *transcript) Error(v ...any)                 { l.print('E', v) }
func (l *transcript) Errorf(format string, v ...any) { l.printf('E', format, v) }
func (l *transcript) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l *transcript) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (l *transcript) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (l *transcript) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (l *transcript) Warning(v ...any)               { l.print('W', v) }

func (l *transcript) Warningf(format string, v ...any) {
	if !l.mute {
		l.line('W', evenlySpaced(fmt.Sprintf(format, v...)))
	}
}

// confStateText is what a member says of a snapshot that is not for it.
var confStateText = regexp.MustCompile(`in the ConfState [^;]*;`)

// evenlySpaced puts one blank between the fields of a ConfState in protobuf's text form, where protobuf puts one or two
// by the build that it is part of.
func evenlySpaced(text string) string {
	return confStateText.ReplaceAllStringFunc(text, func(found string) string {
		return strings.ReplaceAll(found, "  ", " ")
	})
}

// quiet is the logger of what belongs to no member: MemoryStorage, which only panics.
type quiet struct{}

func (quiet) Debug(...any)                   {}
func (quiet) Debugf(string, ...any)          {}
func (quiet) Info(...any)                    {}
func (quiet) Infof(string, ...any)           {}
func (quiet) Warning(...any)                 {}
func (quiet) Warningf(string, ...any)        {}
func (quiet) Error(...any)                   {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatal(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quiet) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (quiet) Panic(v ...any)                 { panic(fmt.Sprint(v...)) }
func (quiet) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
