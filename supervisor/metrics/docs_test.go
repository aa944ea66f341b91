package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The rules and the dashboard ask for nothing that there is not. That they are
// PromQL is promtool's to say, see tests/bats/metrics.bats.
func TestQueries(t *testing.T) {
	known := map[string]bool{"up": true}
	for _, f := range families() {
		known[f.Name] = true
	}
	rules, err := os.ReadFile("../../docs/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ *- record: (\S+)$`).FindAllStringSubmatch(string(rules), -1) {
		known[m[1]] = true
	}
	ruleQueries := regexp.MustCompile(`(?m)^ *expr: (>\n.*\n.*|.*)$`).FindAllStringSubmatch(string(rules), -1)
	if len(ruleQueries) != strings.Count(string(rules), "expr:") || len(ruleQueries) < 20 {
		t.Errorf("%d rules were found", len(ruleQueries))
	}
	for _, m := range ruleQueries {
		checkQuery(t, known, m[1])
	}

	data, err := os.ReadFile("../../docs/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || (len(p.Targets) == 0) != (p.Type == "row") {
			t.Errorf("panel %d, %q: its number is another's, or it has no title or query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q, or beside the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, q := range p.Targets {
			checkQuery(t, known, q.Expr)
		}
	}
	for _, v := range dashboard.Templating.List {
		if v.Definition != "" {
			checkQuery(t, known, strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"))
		}
	}
}

// checkQuery: what stands where a metric can stand is one.
func checkQuery(t *testing.T, known map[string]bool, query string) {
	t.Helper()
	text := regexp.MustCompile(`"[^"]*"|\[[^\]]*\]|(by|on|group_left) \([^)]*\)`).ReplaceAllString(query, "")
	text = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(text, "")
	found := 0
	for _, word := range regexp.MustCompile(`[a-zA-Z_][\w:]*`).FindAllString(text, -1) {
		switch word {
		case "rate", "increase", "sum", "time", "and", "or", "on", "job", "instance", "service":
			continue
		}
		if !known[word] {
			t.Errorf("there is no metric %q: %s", word, query)
		}
		found++
	}
	if found == 0 {
		t.Errorf("asks for no metric: %s", query)
	}
}
