package hosts

func (gitlab) Guide(s Site) []Step { return nil }
