"""How long each step of a build took."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0016_release_based_on")]

    operations = [
        migrations.AddField(
            model_name="build",
            name="steps",
            field=models.JSONField(default=list, help_text="what was done when, and for how long"),
        ),
    ]
