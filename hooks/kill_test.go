package hooks

const dieEnv = "HOOKS_TEST_DIE"

func runAndDie() {}
