"""How conditions and pregnancies are coded: order and kind of diagnoses, modifiers that a patient's state asks for.

Belongs here: rules of coding that follow from the patient, before there is a visit.
Does not: the lines of a claim (claims).
"""
