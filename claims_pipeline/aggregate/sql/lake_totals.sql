-- One row per table of the lake that becomes FHIR resources: its ids and charges, read from the files once more.
-- The checks compare the other models with it. An id counts once, with the charges and service lines of its version of
-- the greatest day.
select
    'claims' as table_name,
    count(*) as id_count,
    coalesce(sum(charge_amount), 0)::decimal(18, 2) as charge_amount,
    coalesce(sum(version_count), 0)::bigint as version_count,
    coalesce(sum(line_count), 0)::bigint as line_count,
    coalesce(sum(line_charge_amount), 0)::decimal(18, 2) as line_charge_amount
from (
    select
        count(*) as version_count,
        max_by(total_charge_amount, day) as charge_amount,
        max_by(len(lines), day) as line_count,
        max_by(coalesce(list_sum(list_transform(lines, lambda line: line.charge_amount)), 0), day) as line_charge_amount
    from lake.claims
    group by claim_id
)
union all by name
select 'coverages' as table_name, count(distinct coverage_id) as id_count from lake.coverages
union all by name
select 'patients' as table_name, count(distinct patient_id) as id_count from lake.patients
union all by name
select 'practitioners' as table_name, count(distinct practitioner_id) as id_count from lake.practitioners
union all by name
select 'locations' as table_name, count(distinct location_id) as id_count from lake.locations
union all by name
select 'organizations' as table_name, count(distinct organization_id) as id_count from lake.organizations
union all by name
select 'payers' as table_name, count(distinct payer_id) as id_count from lake.payers
