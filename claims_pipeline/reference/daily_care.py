"""The procedure codes of care that is commonly given on one day after another."""

DAILY_CARE = (
    # anesthesia, and its care of pain
    *("00", "01"),
    # hospital visits, nursing facilities, critical care
    *("9922", "9923", "9930", "9931", "99291", "99292"),
    # newborns, intensive care of newborns and children
    *("99460", "99461", "99462", "99463", "99468", "99469", "9947", "99480"),
    # psychotherapy, physical and occupational therapy, chiropractic
    *("908", "97", "9894"),
    # dialysis and biofeedback, but not dialysis that is billed once a month (90951 to 90966)
    *("9090", "9091", "9093", "9094", "90967", "90968", "90969", "9097", "9099"),
    # treatment with radiation (77261 to 77799), but no imaging of the breast or bone (77046 to 77086)
    *("772", "773", "774", "775", "776", "777"),
    # infusions, injections and chemotherapy (96360 to 96549)
    *("9636", "9637", "9638", "9639", "964", "9650", "9651", "9652", "9653", "9654"),
)
"""CPT: how the codes begin that may be billed alike on two days in a row."""

DAILY_CARE_PATTERN = rf"^({'|'.join(DAILY_CARE)})\d*$"
"""Matches a whole code of `DAILY_CARE`. Codes that end in a letter, such as 0042T, are no anesthesia."""
