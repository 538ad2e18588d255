package funcs

import (
	"fmt"
	"strconv"
	"strings"
)

// maxCompared is the length of the longest list whose items are compared with each other.
const maxCompared = 2000

func listFunctions() map[string]any {
	return map[string]any{
		"until": until, "untilStep": untilStep, "seq": seq,
		"join": join, "split": split, "splitn": splitn, "splitList": splitList,
		"uniq": uniq, "mustUniq": uniq, "without": without, "mustWithout": without,
	}
}

func until(count int) ([]int, error) {
	if count < 0 {
		return untilStep(0, count, -1)
	}
	return untilStep(0, count, 1)
}

// untilStep returns the numbers from start towards stop, without stop; none when step leads away from stop.
func untilStep(start, stop, step int) ([]int, error) {
	if step == 0 || stop == start || (stop > start) != (step > 0) {
		return nil, nil
	}
	// Unsigned, since the difference of two ints may overflow.
	distance, stride := uint64(stop)-uint64(start), uint64(step) //nolint:gosec // wraps around on purpose
	if step < 0 {
		distance, stride = -distance, -stride
	}
	n := (distance-1)/stride + 1
	if n > maxItems {
		return nil, itemsFit(maxItems + 1)
	}
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = start + i*step
	}
	return numbers, nil
}

// seq is like the command of that name: `seq last`, `seq first last`, `seq first step last`.
func seq(params ...int) (string, error) {
	var first, step, last int
	switch len(params) {
	case 1:
		first, last = 1, params[0]
	case 2:
		first, last = params[0], params[1]
	case 3:
		first, step, last = params[0], params[1], params[2]
	default:
		return "", nil
	}
	direction := 1
	if last < first {
		direction = -1
	}
	if len(params) < 3 {
		step = direction
	}
	numbers, err := untilStep(first, last+direction, step)
	return strings.Trim(fmt.Sprint(numbers), "[]"), err
}

func join(separator string, list any) (string, error) {
	if err := fits(length(list), len(separator)); err != nil {
		return "", err
	}
	inner := original[func(any) []string]("toStrings")
	return strings.Join(inner(list), separator), nil
}

func splitList(separator, s string) ([]string, error) {
	return pieces(separator, s, -1)
}

func split(separator, s string) (map[string]string, error) {
	return splitn(separator, -1, s)
}

func splitn(separator string, n int, s string) (map[string]string, error) {
	parts, err := pieces(separator, s, n)
	byName := make(map[string]string, len(parts))
	for i, part := range parts {
		byName["_"+strconv.Itoa(i)] = part
	}
	return byName, err
}

func pieces(separator, s string, n int) ([]string, error) {
	count := strings.Count(s, separator)
	if n >= 0 {
		count = min(count, n)
	}
	if err := itemsFit(count); err != nil {
		return nil, err
	}
	return strings.SplitN(s, separator, n), nil
}

func uniq(list any) ([]any, error) {
	if length(list) > maxCompared {
		return nil, invalid("the list has more than %d items", maxCompared)
	}
	inner := original[func(any) ([]any, error)]("mustUniq")
	return inner(list)
}

func without(list any, omit ...any) ([]any, error) {
	if length(list)*len(omit) > maxCompared*maxCompared {
		return nil, invalid("there are too many items to compare")
	}
	inner := original[func(any, ...any) ([]any, error)]("mustWithout")
	return inner(list, omit...)
}
