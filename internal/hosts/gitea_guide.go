package hosts

func (gitea) Guide(s Site) []Step { return nil }
