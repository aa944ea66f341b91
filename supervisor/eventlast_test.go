package supervisor

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestLastEvents(t *testing.T) {
	p := Paths{Logs: t.TempDir()}
	if events, err := p.LastEvents("a", 3); err != nil || events != nil {
		t.Errorf("no log: %v, %v", events, err)
	}
	var log strings.Builder
	for i := range 9000 { // more than is read
		fmt.Fprintf(&log, `{"time":"2026-11-24T12:00:00Z","type":"state","service":"%c","message":"m%d"}`+"\n", "ab"[i%2], i)
	}
	log.WriteString(`{"time":"2026-11-24T12:00:00Z","service":"a","mess`) // of a crash
	if log.Len() < 2*lastEventBytes {
		t.Fatal("too short a log")
	}
	if err := os.WriteFile(p.events(), []byte(log.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	events, err := p.LastEvents("a", 3)
	if err != nil || len(events) != 3 || events[0].Message != "m8994" || events[2].Message != "m8998" {
		t.Errorf("%v, %v", events, err)
	}
	if all, err := p.LastEvents("b", 1<<20); err != nil || len(all) < 100 || len(all) > 4000 {
		t.Errorf("%d events, %v", len(all), err)
	}
}
