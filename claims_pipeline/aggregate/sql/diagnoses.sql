-- One row per principal diagnosis: its label, its chapter of ICD-10-CM and its claims in numbers.
with totals as (
    select
        principal_diagnosis_code,
        diagnosis_chapter,
        count(*) as claim_count,
        count(distinct patient_number) as patient_count,
        coalesce(sum(total_charge_amount) filter (where claim_status = 'active'), 0)::decimal(18, 2)
            as active_charge_amount
    from claims_current
    group by principal_diagnosis_code, diagnosis_chapter
)

select
    principal_diagnosis_code,
    coalesce(label, '') as label,
    diagnosis_chapter,
    claim_count,
    patient_count,
    active_charge_amount
from totals
left join reference.diagnoses on diagnosis_code = principal_diagnosis_code
order by principal_diagnosis_code
