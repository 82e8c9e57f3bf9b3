"""Of a change of variables: which release it changed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0015_processes_seen")]

    operations = [
        migrations.AddField(
            model_name="release",
            name="based_on",
            field=models.ForeignKey(
                help_text="the one whose variables this changes",
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="releases.release",
            ),
        ),
    ]
