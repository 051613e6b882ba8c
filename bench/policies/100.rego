package clawea

default allow := false

operations := {"issue.get0", "issue.create0", "issue.comment0", "issue.get1", "issue.create1", "issue.comment1", "issue.get2", "issue.create2", "issue.comment2", "issue.get3", "issue.create3", "issue.comment3", "issue.get4", "issue.create4", "issue.comment4", "issue.get5", "issue.create5", "issue.comment5", "issue.get6", "issue.create6", "issue.comment6", "issue.get7", "issue.create7", "issue.comment7", "issue.get8", "issue.create8", "issue.comment8", "issue.get9", "issue.create9", "issue.comment9"}

projects := {"ENG0", "OPS0", "ENG1", "OPS1", "ENG2", "OPS2", "ENG3", "OPS3", "ENG4", "OPS4", "ENG5", "OPS5", "ENG6", "OPS6", "ENG7", "OPS7", "ENG8", "OPS8", "ENG9", "OPS9"}

fields := {"summary0", "description0", "summary1", "description1", "summary2", "description2", "summary3", "description3", "summary4", "description4", "summary5", "description5", "summary6", "description6", "summary7", "description7", "summary8", "description8", "summary9", "description9"}

denied_operations := {"report0.delete", "report1.delete", "report2.delete", "report3.delete", "report4.delete", "report5.delete", "report6.delete", "report7.delete", "report8.delete", "report9.delete"}

denied_fields := {"assignee0", "assignee1", "assignee2", "assignee3", "assignee4", "assignee5", "assignee6", "assignee7", "assignee8", "assignee9"}

allow if {
	permitted
	input.project in projects
	every field in input.fields { field in fields }
	not denied
}

permitted if input.operation in operations

permitted if startswith(input.operation, "report0.")

permitted if startswith(input.operation, "report1.")

permitted if startswith(input.operation, "report2.")

permitted if startswith(input.operation, "report3.")

permitted if startswith(input.operation, "report4.")

permitted if startswith(input.operation, "report5.")

permitted if startswith(input.operation, "report6.")

permitted if startswith(input.operation, "report7.")

permitted if startswith(input.operation, "report8.")

permitted if startswith(input.operation, "report9.")

denied if input.operation in denied_operations

denied if {
	some field in input.fields
	field in denied_fields
}
