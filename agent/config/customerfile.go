package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxCustomerFile is the size in bytes of the largest file of customers.
	maxCustomerFile = 256 << 20
	// maxCustomerProblems is how many of its faults are told.
	maxCustomerProblems = 20
)

// ReadCustomers reads a file of customers: lines VALUE,cus_…, with quotes as
// in CSV where a value needs them. A first line value,customer is a header; a
// line that begins with # is a comment. The error, Problems, names the lines
// that aren't understood; name stands in it for the file.
func ReadCustomers(name string, r io.Reader) (map[string]string, error) {
	in := csv.NewReader(io.LimitReader(r, maxCustomerFile))
	in.Comment, in.FieldsPerRecord, in.ReuseRecord = '#', -1, true
	customers, lines := map[string]string{}, map[string]int{}
	rd := &reader{file: name}
	for first := true; len(rd.problems) < maxCustomerProblems; first = false {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			rd.fault(syntax.Line, "", "%v; want a line such as acme,cus_…", syntax.Err)
			break // where the next line begins isn't known
		} else if err != nil {
			return nil, fmt.Errorf("read the customers: %w", err)
		}
		line, _ := in.FieldPos(0)
		if len(row) != 2 {
			rd.fault(line, "", "has %d fields; want two, such as acme,cus_…", len(row))
			continue
		}
		value, id := strings.Trim(unmark(row[0]), " \t"), strings.Trim(row[1], " \t")
		switch {
		case first && strings.EqualFold(value, "value") && strings.EqualFold(id, "customer"):
		case value == "" || value == "-":
			rd.fault(line, "", "%s is what a line without a customer holds; want a logged value", show(value))
		case !isCustomer(id):
			rd.fault(line, "", "%s isn't a Stripe customer; want the id of one, such as cus_…", show(id))
		case lines[value] > 0:
			rd.fault(line, "", "%s stands on line %d already", show(value), lines[value])
		default:
			customers[strings.Clone(value)], lines[strings.Clone(value)] = strings.Clone(id), line
		}
	}
	return customers, rd.problems.err()
}
