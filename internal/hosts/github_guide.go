package hosts

func (github) Guide(s Site) []Step { return nil }
