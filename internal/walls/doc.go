// Package walls holds the plan of the house as tests: which room may import what,
// where the words of hosts may stand, how long a file may be, and that the documents
// are true where a program can tell. It has no code of its own.
package walls
