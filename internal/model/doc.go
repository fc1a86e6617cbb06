// Package model holds the nouns of issuetrail: what several rooms of the house
// name. It imports the standard library only and does no I/O.
package model
